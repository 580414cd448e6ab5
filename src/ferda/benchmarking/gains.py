"""Does one method beat another, or was it luck: of the faces that were scored, and of the seeds?

Both methods answered for the same faces and were trained with the same seeds, so their difference is drawn
anew: some faces (whole people, where they are known) with replacement, and some seeds with replacement, the
same for both. The share of draws in which the difference changes its sign says how easily luck explains it.
Three seeds say little about other seeds; the interval is that of these trainings, not of all that could be.
Many methods are tried at once, and one of twenty wins by luck alone: Holm's correction raises the bar.

Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics, 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Gain:
    """Difference in macro recall, second method minus first.

    Attributes:
        mean: Over the seeds.
        low: Lower end of the interval.
        high: Upper end.
        p: Two-sided share of draws on the other side of zero, at least one draw.
        seeds: How many seeds both have.
    """

    mean: float
    low: float
    high: float
    p: float
    seeds: int


def paired_gain(
    labels: NDArray[np.int64],
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    classes: int,
    *,
    subjects: NDArray[Any] | None = None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Gain:
    """Bootstrap the difference of two methods over faces and seeds.

    Args:
        labels: (n,) class positions.
        first: (S, n) answers of the one method, a row a seed.
        second: (S, n) answers of the other, trained with the same seeds.
        classes: Number of classes `C`.
        subjects: (n,) who the faces are; None draws faces.
        resamples: Number of draws.
        level: Wanted coverage.
        seed: Same seed, same interval.
    """
    seeds, faces = first.shape
    unit = np.arange(faces) if subjects is None else np.unique(subjects.astype(str), return_inverse=True)[1]
    units = int(unit.max()) + 1
    # what one unit adds to the faces of a class and, by seed, to those right by the second less the first
    cells = unit * classes + labels
    support = np.bincount(cells, minlength=units * classes).reshape(units, classes)
    wins = (second == labels).astype(float) - (first == labels)
    won = np.stack([np.bincount(cells, row, units * classes).reshape(units, classes) for row in wins], 1)
    generator = np.random.default_rng(seed)
    drawn_units = generator.multinomial(units, np.full(units, 1 / units), size=resamples)
    drawn_seeds = generator.multinomial(seeds, np.full(seeds, 1 / seeds), size=resamples) / seeds
    sums = (drawn_units @ won.reshape(units, -1)).reshape(resamples, seeds, classes)
    drawn = _macro(drawn_units @ support, (drawn_seeds[:, :, None] * sums).sum(1))
    mean = float(_macro(support.sum(0), won.sum(0).mean(0)))
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    beyond = min((drawn <= 0).mean(), (drawn >= 0).mean())
    return Gain(mean, float(low), float(high), float(min(1.0, max(2 * beyond, 1 / resamples))), seeds)


def _macro(support: NDArray[Any], won: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that occur of won faces over faces."""
    occurs = support > 0
    shares = np.divide(won, support, out=np.zeros_like(won), where=occurs)
    mean: NDArray[np.float64] = shares.sum(-1) / occurs.sum(-1)
    return mean


def holm(p: Sequence[float]) -> list[float]:
    """Correct p values for their number.

    Args:
        p: One for each comparison.

    Returns:
        Corrected values in the same order, at most 1; below 0.05 a comparison stands among all others.
    """
    corrected, worst = [0.0] * len(p), 0.0
    for place, which in enumerate(sorted(range(len(p)), key=lambda i: p[i])):
        worst = max(worst, min(1.0, (len(p) - place) * p[which]))
        corrected[which] = worst
    return corrected
