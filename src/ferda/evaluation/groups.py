"""Is it equally good for everybody? Scores for each subject, site, rater or any other column of the manifest.

A column is only as good as the people who filled it. Groups below a minimum size are named but not scored:
their numbers would be noise, and could point at single persons. Every score has its interval, and the gap
between the best and the worst group stands beside the gap that groups of these sizes show by chance alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.evaluation.bootstrap import Interval, bootstrap_intervals
from ferda.evaluation.confusion import Integers
from ferda.evaluation.metrics import Floats, score


@dataclass(frozen=True)
class GroupRow:
    """One group.

    Attributes:
        name: Value of the column.
        faces: Faces scored.
        classes: How many expressions occur; macro numbers over different expressions do not compare.
        accuracy: Share of right answers.
        accuracy_interval: Its interval over faces.
        macro_recall: Mean recall over the classes that occur.
        macro_f1: Mean F1 over the classes that occur.
        ece: Expected calibration error.
    """

    name: str
    faces: int
    classes: int
    accuracy: float
    accuracy_interval: Interval
    macro_recall: float
    macro_f1: float
    ece: float


@dataclass(frozen=True)
class GroupScores:
    """All groups of one column, the worst first.

    Attributes:
        column: Name of the column.
        rows: Groups that are large enough.
        minimum: Faces a group needs.
        too_small: Faces of each group that has fewer.
        unknown: Faces without a value in this column.
        gap: Accuracy of the best group less that of the worst; None with fewer than two groups.
        chance_gap: The gap that 95 % of random splits into groups of these sizes stay below.
    """

    column: str
    rows: tuple[GroupRow, ...]
    minimum: int
    too_small: dict[str, int]
    unknown: int
    gap: float | None
    chance_gap: float | None

    @property
    def is_clear(self) -> bool:
        """Whether the gap is larger than chance explains."""
        return self.gap is not None and self.chance_gap is not None and self.gap > self.chance_gap

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GroupScores:
        """Rebuild from `to_dict`, also after a trip through JSON.

        Args:
            values: What `to_dict` returned.
        """
        rows = tuple(
            GroupRow(**{**row, "accuracy_interval": Interval(**row["accuracy_interval"])})
            for row in values["rows"]
        )
        return cls(**{**values, "rows": rows})


def score_groups(
    labels: Integers,
    probabilities: Floats,
    classes: Sequence[str],
    groups: pd.Series[Any],
    *,
    minimum: int = 20,
    seed: int = 0,
) -> GroupScores:
    """Score each value of a column by itself.

    Args:
        labels: (n,) class positions, all known.
        probabilities: (n, C), rows sum to one.
        classes: (C,) names.
        groups: (n,) values; a missing value is counted as unknown. Its name becomes the column's name.
        minimum: Faces a group needs to be scored.
        seed: Same seed, same intervals and same chance gap.
    """
    known = groups.notna().to_numpy()
    names = groups.convert_dtypes().astype("string").fillna("").to_numpy(dtype=object)
    sizes = pd.Series(names[known]).value_counts()
    large = sorted(str(name) for name, count in sizes.items() if count >= minimum)
    rows = [
        _row(name, labels[chosen], probabilities[chosen], classes, seed)
        for name in large
        for chosen in [known & (names == name)]
    ]
    rows.sort(key=lambda row: (row.accuracy, row.name))
    gap = rows[-1].accuracy - rows[0].accuracy if len(rows) > 1 else None
    correct = (probabilities.argmax(1) == labels)[known & np.isin(names, large)]
    return GroupScores(
        column=str(groups.name),
        rows=tuple(rows),
        minimum=minimum,
        too_small={str(name): int(count) for name, count in sizes.items() if count < minimum},
        unknown=int((~known).sum()),
        gap=gap,
        chance_gap=None if gap is None else _chance_gap(correct, [row.faces for row in rows], seed),
    )


def _row(name: str, labels: Integers, probabilities: Floats, classes: Sequence[str], seed: int) -> GroupRow:
    scores = score(labels, probabilities, classes)
    intervals = bootstrap_intervals(labels, probabilities.argmax(1), len(classes), resamples=500, seed=seed)
    return GroupRow(
        name=name,
        faces=scores.faces,
        classes=len(classes) - len(scores.absent),
        accuracy=scores.accuracy,
        accuracy_interval=intervals.accuracy,
        macro_recall=scores.macro_recall,
        macro_f1=scores.macro_f1,
        ece=scores.ece,
    )


def _chance_gap(correct: NDArray[np.bool_], sizes: Sequence[int], seed: int, draws: int = 400) -> float:
    """Deal the right and wrong answers to groups of the same sizes at random; 95th percentile of the gap.

    How many right answers a group gets by such a deal is a multivariate hypergeometric draw.
    """
    generator = np.random.default_rng(seed)
    right = generator.multivariate_hypergeometric(list(sizes), int(correct.sum()), size=draws)
    shares = right / np.asarray(sizes)
    return float(np.quantile(shares.max(1) - shares.min(1), 0.95))
