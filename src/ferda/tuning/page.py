"""`tune.html` of a search: the best settings, how they were found, and what speaks against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ferda.evaluation.blocks import Cell, Drawing, Section, Table
from ferda.evaluation.comparison import Headline
from ferda.evaluation.page import write_page
from ferda.evaluation.report import version_facts
from ferda.evaluation.style import percent, svg
from ferda.tuning.figures import course_figure, importance_figure, settings_figure
from ferda.tuning.space import own_value
from ferda.tuning.summary import Summary


def write_search_page(path: Path, summary: Summary) -> Path:
    """Write the page.

    Args:
        path: The file.
        summary: What the search has shown; at least one trial is finished.

    Raises:
        UserError: If the page cannot be written.
    """
    search = summary.search
    facts = (
        ("score", f"{search.score}, of the epoch that it chose, guarded by source accuracy"),
        ("seeds of a trial", ", ".join(map(str, search.seeds))),
        ("ended early", "below the median of the others" if search.prune == "median" else "never"),
        *version_facts(),
    )
    again = Section("again", "Again", "To do it again", facts=facts, texts={"The search": search.to_yaml()})
    return write_page(
        path,
        "report.html.j2",
        title=f"Search: {search.recipe.method.name}",
        headline=headline(summary),
        sections=[_best(summary), *_course(summary), _trials(summary), again],
        colours={},
    )


def headline(summary: Summary) -> Headline:
    """Say which trial is best, and by how much it beats the recipe.

    Args:
        summary: At least one trial is finished.
    """
    counts = summary.trials["state"].value_counts()
    told = ", ".join(f"{count} {state}" for state, count in counts.items())
    detail = " ".join((f"Trials: {told}. No label of the target was read.", *summary.remarks))
    if summary.best is None:
        return Headline("No trial is finished yet.", detail, "plain", None, 0.0, None)
    best = summary.line(summary.best)
    said = f"Trial {summary.best} is best: {summary.search.score} {best['score']:.4g}"
    if summary.own is None or summary.own == summary.best:
        return Headline(f"{said}.", detail, "same", None, 0.0, None)
    own = summary.line(summary.own)["score"]
    return Headline(f"{said}, the recipe as it is {own:.4g}.", detail, "better", None, 0.0, None)


def _best(summary: Summary) -> Section:
    rows = tuple(
        (Cell(one.key), Cell(_shown(own_value(summary.search.recipe, one.key))), Cell(_of(summary, one.key)))
        for one in summary.search.space.settings
    )
    lead = "best.yaml is the whole recipe; ferda fit trains it. Trials keep their numbers, but no weights."
    table = Table(("setting", "recipe", "best trial"), rows)
    return Section("best", "Best", "The best settings", lead, tables=(table,))


def _of(summary: Summary, key: str) -> str:
    return "–" if summary.best is None else _shown(summary.line(summary.best)[key])


def _course(summary: Summary) -> list[Section]:
    score = summary.search.score
    drawings = [
        Drawing(
            svg(course_figure(summary), f"{score} of each trial"),
            "Course",
            "The dashed line is the recipe as it is." if summary.own is not None else "",
        )
    ]
    if summary.importance:
        words = "; ".join(f"{name} {percent(share)}" for name, share in summary.importance.items())
        caption = "How much finished trials with the best scores differ from all in this setting (PED-ANOVA)."
        drawing = svg(importance_figure(summary.importance), f"Importance of settings: {words}")
        drawings.append(Drawing(drawing, "Importance", caption))
    drawings.append(Drawing(svg(settings_figure(summary), f"{score} by each setting"), "By setting"))
    lead = "Two scores that differ little may change places with another seed."
    return [Section("course", "Course", "The course of the search", lead, drawings=tuple(drawings))]


def _trials(summary: Summary) -> Section:
    keys = [setting.key for setting in summary.search.space.settings]
    short = [key.partition(".")[2] for key in keys]
    order = summary.trials.sort_values("score", ascending=False, na_position="last")
    rows = tuple(_row(summary, line, keys) for line in order.to_dict("records"))
    columns = ("trial", summary.search.score, "source accuracy", "agreement", "time", *short)
    caption = (
        "Agreement: the share of target faces on which a trial says what all trials together say. A trial "
        "whose source accuracy is far below the best one's cannot win."
    )
    failed = summary.trials[summary.trials["state"] == "failed"]
    errors = tuple((f"trial {line['trial']}", str(line["error"])) for _, line in failed.iterrows())
    table = Table(columns, rows, caption=caption)
    return Section("trials", "Trials", "All trials", tables=(table,), facts=errors)


def _row(summary: Summary, line: dict[Any, Any], keys: list[str]) -> tuple[Cell, ...]:
    tone = "good" if line["trial"] == summary.best else ""
    state = "" if line["state"] == "finished" else line["state"]
    return (
        Cell(str(line["trial"]), state, tone),
        Cell(_shown(line["score"]), tone=tone),
        Cell(_share(line["source_accuracy"])),
        Cell(_share(line["agreement"])),
        Cell("–" if pd.isna(line["seconds"]) else f"{line['seconds'] / 60:.1f} min"),
        *(Cell(_shown(line[key])) for key in keys),
    )


def _share(value: float | None) -> str:
    return "–" if value is None or pd.isna(value) else percent(value, 1)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return "–" if pd.isna(value) else f"{value:.4g}"
    return "–" if value is None else str(value)
