"""What the finished trainings of a table do on the faces that no training and no choice has seen labelled.

Every training recorded its answers for the test faces after each epoch, without their labels. Here, when all
is over, the labels are opened: for the epoch that was chosen without them, for the last one, and for the one
that they would have chosen themselves, the oracle, which is no result.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.benchmarking.places import Place
from ferda.benchmarking.table import Cell, Pair, Table
from ferda.data.domain import Domain
from ferda.engine.checkpoint import count_learned
from ferda.engine.domains import open_watched
from ferda.errors import UserError
from ferda.evaluation.groups import score_groups
from ferda.evaluation.metrics import Scores, score
from ferda.evaluation.oracle import RecordedEpoch, recorded_epochs

#: Columns of a manifest that say to whom a face belongs; a table looks for gaps between their groups.
GROUPS = ("subject", "sex", "gender", "age", "age_group", "skin_tone", "ethnicity")


@dataclass(frozen=True, eq=False)
class Measured:
    """One finished training.

    Attributes:
        cell: Which.
        rule: What chose its epoch.
        scores: Of the epochs `chosen`, `last` and `oracle`.
        epochs: Their numbers, from 1.
        answers: (n,) class positions that the chosen epoch answers for the scored faces.
        gaps: By column, accuracy of the best group less that of the worst, and what chance makes of it.
        facts: Parameters, seconds, CPU seconds, peak memory in bytes; what nobody measured is missing.
    """

    cell: Cell
    rule: str
    scores: dict[str, Scores]
    epochs: dict[str, int]
    answers: NDArray[np.int64]
    gaps: dict[str, tuple[float, float]] = field(default_factory=dict)
    facts: dict[str, float] = field(default_factory=dict)

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row for each of the three epochs."""
        named = {"pair": self.cell.pair, "row": self.cell.row, "seed": self.cell.seed}
        gaps = {f"gap/{name}": gap for name, (gap, _) in self.gaps.items()}
        gaps |= {f"chance_gap/{name}": chance for name, (_, chance) in self.gaps.items()}
        return [
            {
                **named,
                "choice": choice,
                "rule": self.rule if choice == "chosen" else choice,
                "epoch": self.epochs[choice],
                **{name: getattr(scores, name) for name in ("faces", "macro_recall", "macro_f1", "accuracy")},
                "calibration_error": scores.ece,
                **{f"recall/{one.name}": _number(one.recall) for one in scores.per_class},
                **(gaps if choice == "chosen" else {}),
                **self.facts,
            }
            for choice, scores in self.scores.items()
        ]


@dataclass(frozen=True, eq=False)
class MeasuredPair:
    """All finished trainings of a pair, on the same faces.

    Attributes:
        name: Of the pair.
        labels: (n,) class positions of the scored faces.
        subjects: (n,) who they are; None if unknown.
        classes: Names of the classes.
        trainings: By cell, in the order of the table.
    """

    name: str
    labels: NDArray[np.int64]
    subjects: NDArray[Any] | None
    classes: tuple[str, ...]
    trainings: dict[Cell, Measured]


def measure(table: Table, out: Path) -> list[MeasuredPair]:
    """Measure what is finished.

    Args:
        table: Checked.
        out: Its folder.

    Returns:
        Pairs with at least one finished training.

    Raises:
        UserError: If trainings of one pair recorded different faces.
    """
    found = []
    for name, pair in table.pairs.items():
        places = [Place(out, cell) for cell in table.cells if cell.pair == name]
        finished = [place for place in places if place.state == "finished"]
        if finished:
            found.append(_measure_pair(name, pair, finished))
    return found


def _measure_pair(name: str, pair: Pair, places: list[Place]) -> MeasuredPair:
    test = open_watched(places[0].run.recipe.data)
    assert test is not None, "a pair has a target"
    labels = np.asarray(test.labels())
    wanted = range(len(test.classes)) if pair.scored is None else map(test.classes.index, pair.scored)
    scored = np.isin(labels, list(wanted))
    subjects = test.manifest["subject"].to_numpy()[scored]
    are_known = not pd.isna(subjects).any() and 1 < len(set(subjects)) < len(subjects)
    return MeasuredPair(
        name=name,
        labels=labels[scored],
        subjects=subjects if are_known else None,
        classes=test.classes,
        trainings={place.cell: _measure(place, test, labels, scored) for place in places},
    )


def _measure(place: Place, test: Domain, labels: NDArray[np.int64], scored: NDArray[np.bool_]) -> Measured:
    table = place.run.scores
    stage = table["stage"].iloc[-1]
    recorded = {one.epoch: one for one in recorded_epochs(place.folder, test) if one.stage == stage}
    if any(not np.array_equal(one.truth, labels) for one in recorded.values()):
        raise UserError(
            f"{place.folder} recorded other faces than its pair's test domain has now: was the pack prepared "
            "or split anew? Train it again."
        )
    scores = {epoch: _score(one, test, scored) for epoch, one in sorted(recorded.items())}
    kept = table[(table["stage"] == stage) & table["selected"].notna()].iloc[-1]
    epochs = {
        "chosen": int(kept["epoch"]),
        "last": max(scores),
        "oracle": max(scores, key=lambda epoch: scores[epoch].macro_recall),
    }
    chosen = recorded[epochs["chosen"]].probabilities[scored]
    gaps = {}
    for column in GROUPS:
        if column in test.manifest and test.manifest[column].nunique() > 1:
            values = test.manifest[column].reset_index(drop=True)[scored]
            found = score_groups(labels[scored], chosen, test.classes, values)
            if found.gap is not None and found.chance_gap is not None:
                gaps[column] = (found.gap, found.chance_gap)
    return Measured(
        cell=place.cell,
        rule=str(kept["selected"]),
        scores={choice: scores[epoch] for choice, epoch in epochs.items()},
        epochs=epochs,
        answers=chosen.argmax(1),
        gaps=gaps,
        facts=_facts(place),
    )


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _score(one: RecordedEpoch, test: Domain, scored: NDArray[np.bool_]) -> Scores:
    return score(one.truth[scored], one.probabilities[scored], test.classes)


def _facts(place: Place) -> dict[str, float]:
    cost = place.cost
    facts: dict[str, float] = {"parameters": count_learned(place.folder / "best.safetensors")}
    if cost is not None:
        facts |= {"seconds": cost.seconds, "cpu_seconds": cost.cpu_seconds, "peak_memory": cost.peak_memory}
    return facts
