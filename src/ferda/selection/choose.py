"""Which checkpoint of a run is kept, without a label of the target.

Scores of the target alone can be cheated: a model that forgets faces altogether may look wonderfully sure of
itself. So a checkpoint must still know its sources: who lost more than a few points of source accuracy
against the best checkpoint is not considered.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def choose(scores: Sequence[float], source_accuracy: Sequence[float], tolerance: float = 0.05) -> int:
    """Return the position of the checkpoint with the best score among those that still know the sources.

    Equal scores are settled by source accuracy, then by who came first. A score that is not a number loses
    to every number.

    Args:
        scores: Of each checkpoint, higher is better.
        source_accuracy: Of each checkpoint on held-out source rows, 0 to 1.
        tolerance: Largest loss of source accuracy against the best checkpoint.

    Raises:
        ValueError: If there is no checkpoint, or the lengths differ.
    """
    if not len(scores) or len(scores) != len(source_accuracy):
        raise ValueError(f"{len(scores)} scores and {len(source_accuracy)} source accuracies do not fit")
    values, accuracies = (_numbers(numbers) for numbers in (scores, source_accuracy))
    # 0.90 - 0.85 is a little more than 0.05 to a computer, but not to the person who set the tolerance
    trusted = accuracies >= accuracies.max() - tolerance - 1e-9
    ranked = sorted(np.flatnonzero(trusted), key=lambda place: (-values[place], -accuracies[place], place))
    return int(ranked[0])


def _numbers(numbers: Sequence[float]) -> np.ndarray:
    values = np.asarray(numbers, float)
    return np.where(np.isnan(values), -np.inf, values)
