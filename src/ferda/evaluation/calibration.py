"""Do the probabilities mean what they say?

A calibrated model that is 80 % sure is right in 80 % of such cases. Adaptation often breaks this: a model
pulled towards confident answers is confident about its errors too. So every evaluation carries these numbers.
Letters: `n` faces, `C` classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferda.evaluation.confusion import Integers

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ReliabilityBin:
    """Faces whose confidence lies in (lower, upper].

    Attributes:
        lower: Lower edge, excluded (but a confidence of exactly 0 falls into the first bin).
        upper: Upper edge, included.
        faces: How many.
        confidence: Their mean confidence; None if the bin is empty.
        accuracy: Share of them that is right; None if the bin is empty.
    """

    lower: float
    upper: float
    faces: int
    confidence: float | None
    accuracy: float | None


def reliability_table(
    labels: Integers, probabilities: Floats, *, bins: int = 15, adaptive: bool = False
) -> tuple[ReliabilityBin, ...]:
    """Sort faces by the confidence of their winning class, and compare confidence with accuracy.

    Args:
        labels: (n,) class positions.
        probabilities: (n, C), rows sum to one.
        bins: How many bins.
        adaptive: Bins of equal numbers of faces instead of equal width.
    """
    confidence = np.asarray(probabilities, np.float64).max(1)
    correct = np.asarray(probabilities).argmax(1) == np.asarray(labels)
    if adaptive:
        edges = np.quantile(confidence, np.linspace(0.0, 1.0, bins + 1))
        edges[0], edges[-1] = 0.0, 1.0
    else:
        edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    faces = np.bincount(place, minlength=bins)
    sure = np.bincount(place, confidence, minlength=bins)
    right = np.bincount(place, correct, minlength=bins)
    return tuple(
        ReliabilityBin(
            lower=float(edges[i]),
            upper=float(edges[i + 1]),
            faces=int(faces[i]),
            confidence=float(sure[i] / faces[i]) if faces[i] else None,
            accuracy=float(right[i] / faces[i]) if faces[i] else None,
        )
        for i in range(bins)
    )


def calibration_error(table: tuple[ReliabilityBin, ...]) -> float:
    """Expected calibration error: sum over bins of `share of faces * |accuracy - confidence|`.

    Args:
        table: What `reliability_table` returned.
    """
    total = sum(row.faces for row in table)
    if total == 0:
        raise ValueError("a reliability table without faces has no calibration error")
    gaps = (
        row.faces * abs(row.accuracy - row.confidence)
        for row in table
        if row.accuracy is not None and row.confidence is not None
    )
    return float(sum(gaps) / total)


def negative_log_likelihood(labels: Integers, probabilities: Floats) -> float:
    """Mean of `-log p(true class)`; a probability of 0 counts as the smallest float32, so the mean is finite.

    Args:
        labels: (n,) class positions.
        probabilities: (n, C), rows sum to one.
    """
    chosen = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, np.finfo(np.float32).tiny)).mean())


def brier_score(labels: Integers, probabilities: Floats) -> float:
    """Mean over faces of `sum_c (p_c - [c is the true class])^2`: 0 is perfect, 2 is surely wrong.

    Args:
        labels: (n,) class positions.
        probabilities: (n, C), rows sum to one.
    """
    wide = np.asarray(probabilities, np.float64)
    truth = np.eye(wide.shape[1])[np.asarray(labels)]
    return float(((wide - truth) ** 2).sum(1).mean())
