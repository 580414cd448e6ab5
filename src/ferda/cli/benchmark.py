"""`ferda benchmark`: many trainings, compared fairly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferda.cli.screen import AsJson, counting, remark, show_json, show_table

if TYPE_CHECKING:
    from ferda.benchmarking.runner import Event, Watch
    from ferda.benchmarking.summary import Summary
    from ferda.benchmarking.table import Cell, Table


def benchmark(
    table: Annotated[Path, typer.Argument(help="A YAML file with pairs, methods and seeds.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the trainings; runs/TABLE by default.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trainings at a time.")] = 1,
    gpus: Annotated[
        list[str] | None, typer.Option("--gpus", help="CUDA devices to deal to the jobs, for instance 0 1.")
    ] = None,
    retry: Annotated[bool, typer.Option("--retry", help="Train again what failed before.")] = False,
    estimate: Annotated[
        bool, typer.Option(help="Try a few steps of each method first, and tell how long all takes.")
    ] = True,
    plan: Annotated[bool, typer.Option("--plan", help="Stop after the estimate.")] = False,
    only_report: Annotated[
        bool, typer.Option("--only-report", help="Train nothing; report on what is finished.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train every method of TABLE on every pair with every seed; write report.html, table.csv, table.tex.

    What is finished is kept: the same command goes on where it stopped, and machines that share the folder
    share the work.
    """
    from ferda.benchmarking.benchmark import benchmark as run
    from ferda.benchmarking.reading import read_table

    asked = read_table(table)
    folder = Path("runs") / table.stem if out is None else out
    if (estimate or plan) and not only_report:
        _tell_estimate(asked, folder, jobs, as_json and plan)
        if plan:
            return
    with _watched(asked, folder) as watch:
        summary = run(
            table, folder, jobs=jobs, gpus=gpus or (), retry=retry, train=not only_report, watch=watch
        )
    if as_json:
        show_json({"methods": summary.methods, "missing": {str(c): e for c, e in summary.missing.items()}})
    else:
        _show(summary)
    remark(f"The report is in {folder / 'report.html'}")


def _tell_estimate(table: Table, folder: Path, jobs: int, as_json: bool) -> None:
    from ferda.benchmarking.estimate import estimate as estimated

    with counting("trying each method") as progress:
        found = estimated(table, folder, progress=progress)
    if as_json:
        seconds = [{"cell": str(cell), "seconds": seconds} for cell, seconds in found.seconds.items()]
        show_json({"cells": seconds, "seconds": found.total(jobs)})
    for (pair, row), error in found.errors.items():
        remark(f"{row} on {pair} will fail: {error}")
    count, total = len(found.seconds), found.total(jobs)
    remark(f"{len(table.cells)} trainings, {count} to do: about {_time(total)} with --jobs {jobs}")


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{max(minutes, 1)} min"


@contextmanager
def _watched(table: Table, folder: Path) -> Iterator[Watch]:
    """Draw a bar over all trainings, and tell of each that ends."""
    from ferda.benchmarking.places import Place

    done = sum(Place(folder, cell).state == "finished" for cell in table.cells)
    with counting("trainings") as progress:
        progress(done, len(table.cells))

        def watch(cell: Cell, event: Event) -> None:
            nonlocal done
            if event != "begun":
                remark(f"{cell}: {event}" + (f": {error}" if (error := Place(folder, cell).error) else ""))
            done += event == "finished"
            progress(done, len(table.cells))

        yield watch


def _show(summary: Summary) -> None:
    columns = ("method", "seeds", "macro recall", "±", "gain", "p", "accuracy", "oracle recall")
    for pair, lines in summary.methods.groupby("pair", sort=False):
        names = ("row", "seeds", "macro_recall", "macro_recall_sd", "gain", "p_corrected", "accuracy")
        rows = lines.reindex(columns=[*names, "oracle_macro_recall"]).itertuples(index=False)
        show_table(columns, rows, title=str(pair))
    if summary.missing:
        remark(f"{len(summary.missing)} trainings are missing; the report says why.")
