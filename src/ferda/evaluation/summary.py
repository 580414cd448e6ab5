"""The tables at the top of a report: models on one target, or one model on several domains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from ferda.evaluation.blocks import Cell, Section, Table
from ferda.evaluation.bootstrap import Interval
from ferda.evaluation.embedding import Embedding
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.gallery import ExplainedFace
from ferda.evaluation.oracle import OracleChoice
from ferda.evaluation.regret import Choice
from ferda.evaluation.style import percent

_COLUMNS = ("macro recall", "accuracy", "macro F1", "calibration error")


@dataclass(frozen=True)
class RunSection:
    """One trained model in a comparison.

    Attributes:
        name: What the report calls it.
        target: Its evaluation on the target.
        own: Its evaluation on held-out faces of its own domain.
        is_baseline: Trained without the target; the first such run is what adaptation is measured against.
        oracle: What the target's labels would have chosen; shown apart and marked.
        journal: `journal.csv`.
        scores: `scores.csv`, with `oracle_...` columns if they were filled.
        embedding: Map of its features.
        sides: The same in three dimensions.
        pseudo_labels: What `ferda.evaluation.pseudo_labels` tells of its epochs.
        choices: What `ferda.evaluation.regret` tells of other validators.
        explained: Faces of the target with the places that its answers came from.
        recipe: YAML text.
        facts: Further pairs for the end of the report: seed, device, duration.
    """

    name: str
    target: Evaluation
    own: Evaluation | None = None
    is_baseline: bool = False
    oracle: OracleChoice | None = None
    journal: pd.DataFrame | None = None
    scores: pd.DataFrame | None = None
    embedding: Embedding | None = None
    sides: Embedding | None = None
    pseudo_labels: pd.DataFrame | None = None
    choices: tuple[Choice, ...] = ()
    explained: tuple[ExplainedFace, ...] = ()
    recipe: str = ""
    facts: dict[str, str] = field(default_factory=dict)


def comparison_section(runs: Sequence[RunSection]) -> Section:
    """The models of a comparison, one row each; the oracle in a column of its own.

    Args:
        runs: In the order of the rows.
    """
    has_own = any(run.own is not None for run in runs)
    has_oracle = any(run.oracle is not None for run in runs)
    columns = ["model", *(["own domain, macro recall"] if has_own else []), *_COLUMNS]
    rows = []
    for run in runs:
        cells = [Cell(run.name, run.target.selected_by)]
        if has_own:
            cells.append(_with_interval(run.own, "macro_recall"))
        cells += _target_cells(run.target)
        if has_oracle:
            cells.append(_oracle_cell(run.oracle))
        rows.append(tuple(cells))
    caption = "95 % intervals below the numbers."
    if has_oracle:
        columns.append("oracle, macro recall")
        caption += " The oracle chose its epoch by the target's labels: an upper bound, not a result."
    oracle = (len(columns) - 1,) if has_oracle else ()
    target = runs[0].target
    return Section(
        "models",
        "Models",
        f"Compared on {target.domain}",
        f"{target.scores.faces:,} labelled faces; no training has seen their labels. The smaller line under "
        "a model says how its checkpoint was chosen.",
        tables=(Table(tuple(columns), tuple(rows), stacks=True, oracle=oracle, caption=caption),),
    )


def _target_cells(evaluation: Evaluation) -> list[Cell]:
    shares = [_with_interval(evaluation, name) for name in ("macro_recall", "accuracy", "macro_f1")]
    return [*shares, Cell(percent(evaluation.scores.ece, 1))]


def _with_interval(evaluation: Evaluation | None, name: str) -> Cell:
    if evaluation is None:
        return Cell("–")
    return Cell(percent(getattr(evaluation.scores, name), 1), _interval(getattr(evaluation.intervals, name)))


def _oracle_cell(choice: OracleChoice | None) -> Cell:
    if choice is None:
        return Cell("–", tone="oracle")
    return Cell(percent(choice.macro_recall, 1), f"{choice.stage}, epoch {choice.epoch}", tone="oracle")


def domains_section(evaluations: Sequence[Evaluation]) -> Section:
    """One model on several domains.

    Args:
        evaluations: In the order of the rows.
    """
    rows = tuple(
        (Cell(one.domain, f"{one.scores.faces:,} faces"), *_target_cells(one)) for one in evaluations
    )
    table = Table(("domain", *_COLUMNS), rows, stacks=True, caption="95 % intervals below the numbers.")
    return Section(
        "domains", "Domains", f"{evaluations[0].model} on {len(evaluations)} domains", tables=(table,)
    )


def summary_section(evaluation: Evaluation) -> Section:
    """One model on one domain.

    Args:
        evaluation: The numbers.
    """
    rows = ((Cell(evaluation.model, evaluation.selected_by), *_target_cells(evaluation)),)
    table = Table(("model", *_COLUMNS), rows, stacks=True, caption="95 % intervals below the numbers.")
    return Section(
        "scores", "Scores", f"On {evaluation.scores.faces:,} faces of {evaluation.domain}", tables=(table,)
    )


def _interval(interval: Interval) -> str:
    return f"{100 * interval.low:.1f}–{100 * interval.high:.1f}"
