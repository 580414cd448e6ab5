"""`report.html` of a table: who wins, by how much, and what is luck; the label-free column first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ferda.benchmarking.figures import gains_figure, ranks_figure
from ferda.benchmarking.published import published_rows
from ferda.benchmarking.summary import Summary
from ferda.evaluation.blocks import Cell, Drawing, Section, Table
from ferda.evaluation.comparison import Headline
from ferda.evaluation.page import write_page
from ferda.evaluation.report import version_facts
from ferda.evaluation.style import class_colours, percent, svg

_GROUP_WORDS = "Accuracy of the best group less that of the worst; below it, the gap that chance makes."


def write_table_page(path: Path, summary: Summary, text: str) -> Path:
    """Write the page.

    Args:
        path: The file.
        summary: What the table has shown.
        text: The table as YAML.

    Raises:
        UserError: If the page cannot be written.
    """
    pairs = [(str(name), part) for name, part in summary.methods.groupby("pair", sort=False)]
    sections = [part for name, lines in pairs for part in _pair_sections(summary, name, lines)]
    sections += [*_ranks(summary), _costs(summary), *_missing(summary)]
    facts = (("seeds", ", ".join(map(str, summary.table.seeds))), *version_facts())
    sections.append(Section("again", "Again", "To do it again", facts=facts, texts={"The table": text}))
    classes = [
        str(name).removeprefix("recall/") for name in summary.methods if str(name).startswith("recall/")
    ]
    return write_page(
        path,
        "report.html.j2",
        title=summary.table.title,
        headline=headline(summary),
        sections=sections,
        colours=dict(zip(classes, class_colours(classes), strict=True)),
    )


def headline(summary: Summary) -> Headline:
    """Say which method gains most, and on how many pairs that is more than luck.

    Args:
        summary: At least one finished training.
    """
    table, lines = summary.table, summary.methods
    detail = (
        "Every number is of the epoch that was chosen without a label of the target; columns called oracle "
        f"are bounds, not results. Trainings finished: {len(table.cells) - len(summary.missing)} of "
        f"{len(table.cells)}."
    )
    if "gain" not in lines or lines["gain"].isna().all():
        return Headline("There is nothing to compare yet.", detail, "plain", None, 0.0, None)
    gains = lines.dropna(subset="gain").groupby("row")["gain"].mean()
    best, pairs = str(gains.idxmax()), lines["pair"].nunique()
    sure = _is_sure(lines) & (lines["row"] == best)
    if not sure.any():
        said = f"No method beats {table.baseline} by more than luck explains."
        return Headline(said, detail, "same", None, 0.0, None)
    said = f"{best} gains most: {100 * gains.max():+.1f} points of macro recall over {table.baseline}"
    where = f" on average over {pairs} pairs, more than luck explains on {int(sure.sum())} of them" * (
        pairs > 1
    )
    return Headline(f"{said}{where}.", detail, "better", None, 0.0, None)


def _is_sure(lines: pd.DataFrame) -> pd.Series[bool]:
    return (lines["gain"] > 0) & lines["sure"]


def _pair_sections(summary: Summary, name: str, lines: pd.DataFrame) -> list[Section]:
    table, chosen = summary.table, summary.trainings
    chosen = chosen[(chosen["pair"] == name) & (chosen["choice"] == "chosen")]
    faces = int(chosen["faces"].iloc[0])
    pair = table.pairs[name]
    scored = f" of {', '.join(pair.scored)}" if pair.scored else ""
    compared = lines.dropna(subset="gain") if "gain" in lines else lines[:0]
    drawings: tuple[Drawing, ...] = ()
    if len(compared):
        drawn = svg(
            gains_figure(compared, chosen, table.baseline),
            f"Gain over {table.baseline} of each method with its interval",
        )
        caption = (
            "Mean and 95 % interval over faces and seeds, ticks are single seeds; coloured where luck does "
            "not explain it (several seeds, Holm's correction for the number of methods)."
        )
        drawings = (Drawing(drawn, f"Gain over {table.baseline}", caption),)
    lead = (
        f"From {', '.join(pair.sources)} to {pair.target}: {faces:,} test faces{scored}. ± is the standard "
    )
    sections = [
        Section(
            f"pair-{name}",
            name,
            name,
            lead + "deviation over seeds.",
            tables=(_scores_table(table.baseline, lines),),
        ),
        Section(
            f"classes-{name}",
            "",
            f"{name}: gains, and recall of each expression",
            tables=(_recalls(lines),),
            drawings=drawings,
        ),
    ]
    gaps = [column.removeprefix("gap/") for column in map(str, lines.columns) if column.startswith("gap/")]
    if gaps := [gap for gap in gaps if lines[f"gap/{gap}"].notna().any()]:
        sections.append(_gaps(name, lines, gaps))
    if pair.published is not None:
        sections.append(_published(name, pair.published))
    return sections


def _scores_table(baseline: str, lines: pd.DataFrame) -> Table:
    columns = ("method", "macro recall", f"gain over {baseline}", "macro F1", "accuracy", "calibration error")
    rows = []
    for _, line in lines.iterrows():
        rows.append(
            (
                Cell(str(line["row"]), f"{line['rule']}, {_seeds(line['seeds'])}"),
                _spread(line, "macro_recall"),
                _gain(line),
                *(_spread(line, measure) for measure in ("macro_f1", "accuracy", "calibration_error")),
                Cell(percent(line["oracle_macro_recall"], 1), f"{100 * line['regret']:.1f} more", "oracle"),
                Cell(percent(line["last_macro_recall"], 1), tone="quiet"),
            )
        )
    return Table(
        (*columns, "oracle, macro recall", "last epoch, macro recall"),
        tuple(rows),
        stacks=True,
        oracle=(len(columns),),
        caption="The smaller line under a method says what chose its epochs.",
    )


def _gain(line: pd.Series[Any]) -> Cell:
    if pd.isna(line.get("gain", float("nan"))):
        return Cell("–")
    interval = f"{100 * line['gain_low']:+.1f} to {100 * line['gain_high']:+.1f}, p {line['p_corrected']:.3f}"
    return Cell(f"{100 * line['gain']:+.1f}", interval, "good" if line["sure"] and line["gain"] > 0 else "")


def _spread(line: pd.Series[Any], name: str) -> Cell:
    spread = line[f"{name}_sd"]
    return Cell(percent(line[name], 1), "" if pd.isna(spread) else f"± {100 * spread:.1f}")


def _seeds(count: float) -> str:
    return f"{int(count)} seed{'s' * (count > 1)}"


def _recalls(lines: pd.DataFrame) -> Table:
    names = [str(column) for column in lines.columns if str(column).startswith("recall/")]
    names = [name for name in names if lines[name].notna().any()]
    rows = tuple(
        (Cell(str(line["row"])), *(Cell(percent(line[name])) for name in names))
        for _, line in lines.iterrows()
    )
    return Table(("method", *(name.removeprefix("recall/") for name in names)), rows)


def _gaps(name: str, lines: pd.DataFrame, columns: Sequence[str]) -> Section:
    rows = tuple(
        (
            Cell(str(line["row"])),
            *(Cell(percent(line[f"gap/{one}"], 1), percent(line[f"chance_gap/{one}"], 1)) for one in columns),
        )
        for _, line in lines.iterrows()
    )
    table = Table(("method", *columns), rows, caption=_GROUP_WORDS)
    return Section(f"gaps-{name}", "", f"{name}: is it equally good for everybody?", tables=(table,))


def _published(name: str, where: Mapping[Any, str]) -> Section:
    found = published_rows(where.get("source"), where.get("target"))
    rows = tuple(
        (
            Cell(one.method, one.backbone),
            Cell(f"{one.accuracy:.1f} %", tone="oracle" if one.is_oracle else ""),
            Cell(one.chosen_by),
        )
        for one in found
    )
    lead = (
        "Accuracies that others published, one run each. They do not compare with the numbers above: other "
        "networks and start weights, and where the column says so the test labels chose the epoch."
    )
    caption = "Sources: " + "; ".join(dict.fromkeys(one.paper for one in found)) + "." if found else ""
    table = Table(("method", "accuracy", "epoch chosen by"), rows, caption=caption)
    return Section(f"published-{name}", "", f"{name}: published numbers", lead, tables=(table,))


def _ranks(summary: Summary) -> list[Section]:
    ranks = summary.ranks
    if ranks is None:
        return []
    lead = (
        f"Each of {ranks.blocks} pairs and seeds ranks the methods by macro recall. Inside the band a "
        "method cannot be told from the best (critical difference "
        f"{ranks.critical_difference:.1f}). Friedman's test that they differ at all: p = {ranks.p:.3g}. "
        "Seeds of a pair share their faces, so with few pairs the band is too narrow."
    )
    drawing = Drawing(svg(ranks_figure(ranks), "Mean rank of each method"))
    return [Section("ranks", "Ranks", "Mean ranks", lead, drawings=(drawing,))]


def _costs(summary: Summary) -> Section:
    rows = []
    for row, lines in summary.methods.groupby("row", sort=False):
        line = lines.reindex(columns=["parameters", "cpu_seconds", "seconds", "peak_memory"]).median()
        rows.append(
            (
                Cell(str(row)),
                Cell(f"{line['parameters'] / 1e6:.2f} M"),
                Cell(_shown(line["cpu_seconds"] / 60, "min")),
                Cell(_shown(line["seconds"] / 60, "min")),
                Cell(_shown(line["peak_memory"] / 2**30, "GiB")),
            )
        )
    columns = ("method", "weights", "CPU time", "clock time", "peak memory")
    lead = "Of one training, medians; what a start took is not added. Clock times are of a shared machine."
    return Section("costs", "Costs", "What it costs", lead, tables=(Table(columns, tuple(rows)),))


def _shown(value: float, unit: str) -> str:
    return "–" if pd.isna(value) else f"{value:.1f} {unit}"


def _missing(summary: Summary) -> list[Section]:
    if not summary.missing:
        return []
    rows = tuple(
        (Cell(cell.row), Cell(cell.pair), Cell(str(cell.seed)), Cell(error or "not trained yet"))
        for cell, error in sorted(summary.missing.items(), key=lambda one: not one[1])
    )
    table = Table(("method", "pair", "seed", "why"), rows, stacks=True)
    return [Section("missing", "Missing", f"{len(rows)} trainings are missing", tables=(table,))]
