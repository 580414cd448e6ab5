"""Agreement with the ensemble of all checkpoints (EnsV: Hu et al., NeurIPS 2024, datasets and benchmarks).

The answers of all checkpoints for the target are averaged, the mean's class is taken for the truth, and the
score of a checkpoint is the share of rows on which it says the same. A single bad checkpoint cannot win, and
nothing is assumed of the target.

Traps: the majority is right by definition. If training collapses early and stays so, the collapsed
checkpoints are the ensemble. Among epochs of one run, which follow each other closely, it prefers the middle
of the road, also where the last epoch is the best. All rows count alike, rare expressions hardly at all. It
is meant for candidates of equal standing that err in different ways.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferda.selection.outputs import EpochOutputs


def remember(outputs: EpochOutputs) -> NDArray[np.floating]:
    """Return the (m, C) answers for the target.

    Args:
        outputs: Of one checkpoint.
    """
    return outputs.target_probabilities


def compare(remembered: Sequence[NDArray[np.floating]]) -> list[float]:
    """Return each checkpoint's share of rows on which it agrees with the mean of all.

    Args:
        remembered: (m, C) answers of each checkpoint for the same rows; one whose answers are not finite has
            no vote, and scores NaN.
    """
    sound = [bool(np.isfinite(rows).all()) for rows in remembered]
    votes = [rows.astype(np.float64) for rows, is_sound in zip(remembered, sound, strict=True) if is_sound]
    ensemble = sum(votes, np.zeros(remembered[0].shape)).argmax(1)
    return [
        float(np.mean(rows.argmax(1) == ensemble)) if is_sound else math.nan
        for rows, is_sound in zip(remembered, sound, strict=True)
    ]
