"""How far could the numbers be off by luck of the draw?

Percentile bootstrap, over faces, or over whole subjects when they are known: ten photos of one person are
not ten independent faces, and intervals over faces would be too narrow. Nothing is resampled face by face. A
draw of `n` faces with replacement is a multinomial draw of the cells of the confusion matrix, and a draw of
subjects is a weighted sum of their matrices: exactly the same distribution, thousands of draws at once.

These intervals speak about other faces (or subjects) from the same domain. They say nothing about another
seed of training: that needs other trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferda.evaluation.confusion import Integers, accuracy, f1_scores, macro, recalls


@dataclass(frozen=True)
class Interval:
    """A range, 0 to 1 (differences: -1 to 1). Attributes: `low`, `high`."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Intervals:
    """Intervals of one evaluation.

    Attributes:
        accuracy: Of the accuracy.
        macro_recall: Of the macro recall.
        macro_f1: Of the macro F1.
        recall: Of each class; None for a class without faces.
        level: Wanted coverage, 0.95 for instance.
        resamples: Number of draws.
        unit: What was drawn, `faces` or the name of the cluster column.
        units: How many of them there are.
    """

    accuracy: Interval
    macro_recall: Interval
    macro_f1: Interval
    recall: tuple[Interval | None, ...]
    level: float
    resamples: int
    unit: str
    units: int

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Intervals:
        """Rebuild from `dataclasses.asdict`, also after a trip through JSON.

        Args:
            values: The dictionary.
        """
        ranges = {name: Interval(**values[name]) for name in ("accuracy", "macro_recall", "macro_f1")}
        recall = tuple(None if item is None else Interval(**item) for item in values["recall"])
        return cls(**{**values, **ranges, "recall": recall})


def bootstrap_intervals(
    labels: Integers,
    answers: Integers,
    classes: int,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    unit: str = "faces",
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Intervals:
    """Percentile intervals of accuracy, macro recall, macro F1 and each class's recall.

    Args:
        labels: (n,) class positions.
        answers: (n,) class positions.
        classes: Number of classes `C`.
        clusters: (n,) subject of each face; None draws faces.
        unit: What the clusters are called.
        resamples: Number of draws.
        level: Wanted coverage.
        seed: Same seed, same intervals.
    """
    cells = np.asarray(labels, np.int64) * classes + np.asarray(answers, np.int64)
    counts, units = _draw(cells, classes * classes, clusters, resamples, seed)
    matrices = counts.reshape(resamples, classes, classes)
    each = recalls(matrices)
    occurs = np.bincount(labels, minlength=classes) > 0
    return Intervals(
        accuracy=_interval(accuracy(matrices), level),
        macro_recall=_interval(macro(each), level),
        macro_f1=_interval(macro(f1_scores(matrices)), level),
        recall=tuple(_interval(each[:, i], level) if occurs[i] else None for i in range(classes)),
        level=level,
        resamples=resamples,
        unit="faces" if clusters is None else unit,
        units=units,
    )


@dataclass(frozen=True)
class Gain:
    """What one model has over another on the same faces.

    Attributes:
        accuracy: Difference of accuracy, second minus first.
        macro_recall: Difference of macro recall, second minus first.
        accuracy_interval: Its interval.
        macro_recall_interval: Its interval.
        fixed: Faces that only the second gets right.
        broken: Faces that only the first gets right.
    """

    accuracy: float
    macro_recall: float
    accuracy_interval: Interval
    macro_recall_interval: Interval
    fixed: int
    broken: int


def bootstrap_gain(
    labels: Integers,
    first: Integers,
    second: Integers,
    classes: int,
    *,
    clusters: Sequence[Any] | NDArray[Any] | None = None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Gain:
    """Compare two models face by face, which is sharper than comparing two separate intervals.

    Args:
        labels: (n,) class positions.
        first: (n,) answers of the one, class positions.
        second: (n,) answers of the other for the same faces.
        classes: Number of classes `C`.
        clusters: (n,) subject of each face; None draws faces.
        resamples: Number of draws.
        level: Wanted coverage.
        seed: Same seed, same intervals.
    """
    labels, first, second = (np.asarray(values, np.int64) for values in (labels, first, second))
    cells = (labels * classes + first) * classes + second
    whole = np.bincount(cells, minlength=classes**3)[None]
    counts, _ = _draw(cells, classes**3, clusters, resamples, seed)

    def differences(table: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        joint = table.reshape(-1, classes, classes, classes)
        one, other = joint.sum(3), joint.sum(2)
        return accuracy(other) - accuracy(one), macro(recalls(other)) - macro(recalls(one))

    in_accuracy, in_recall = differences(whole)
    drawn_accuracy, drawn_recall = differences(counts)
    return Gain(
        accuracy=float(in_accuracy[0]),
        macro_recall=float(in_recall[0]),
        accuracy_interval=_interval(drawn_accuracy, level),
        macro_recall_interval=_interval(drawn_recall, level),
        fixed=int(((first != labels) & (second == labels)).sum()),
        broken=int(((first == labels) & (second != labels)).sum()),
    )


def _draw(
    cells: NDArray[np.int64],
    size: int,
    clusters: Sequence[Any] | NDArray[Any] | None,
    resamples: int,
    seed: int,
) -> tuple[NDArray[Any], int]:
    """Return (resamples, size) counts of cells, and the number of units that were drawn from."""
    generator = np.random.default_rng(seed)
    total = len(cells)
    if clusters is None:
        shares = np.bincount(cells, minlength=size) / total
        return generator.multinomial(total, shares, size=resamples), total
    _, place = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    units = int(place.max()) + 1
    kinds, kind = np.unique(cells, return_inverse=True)
    each = np.bincount(place * len(kinds) + kind, minlength=units * len(kinds)).reshape(units, len(kinds))
    weights = generator.multinomial(units, np.full(units, 1 / units), size=resamples)
    counts = np.zeros((resamples, size))
    counts[:, kinds] = weights.astype(np.float64) @ each
    return counts, units


def _interval(values: NDArray[np.float64], level: float) -> Interval:
    """Percentiles of the draws; a draw without the value (its class was drawn away) is passed over."""
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))
