"""Writes what a table has shown: `report.html`, `trainings.csv`, `table.csv`, `table.tex`."""

from __future__ import annotations

from pathlib import Path

from ferda.benchmarking.latex import latex_table
from ferda.benchmarking.page import write_table_page
from ferda.benchmarking.summary import Summary, summarise
from ferda.benchmarking.table import Table
from ferda.errors import UserError
from ferda.evaluation.page import write_text


def write_results(table: Table, out: Path, text: str = "") -> Summary:
    """Measure all finished trainings, and write report and tables.

    Args:
        table: Checked.
        out: Its folder.
        text: The table as its author wrote it, for the report.

    Raises:
        UserError: If nothing is finished, or a file cannot be written.
    """
    summary = summarise(table, out)
    if summary.methods.empty:
        first = next((error for error in summary.missing.values() if error), "")
        raise UserError(f"No training of {out} is finished yet.{first and f' The first error: {first}'}")
    write_text(out / "trainings.csv", summary.trainings.to_csv(index=False))
    write_text(out / "table.csv", summary.methods.to_csv(index=False))
    write_text(out / "table.tex", latex_table(summary))
    write_table_page(out / "report.html", summary, text)
    return summary
