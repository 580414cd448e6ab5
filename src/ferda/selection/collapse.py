"""Whether a model that adapts without source faces has forgotten the classes.

With source faces a checkpoint must still know them (`ferda.selection.choose`). Without any, what can be held
against it is the model it started from: answers that use far fewer classes than that model's have collapsed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ferda.selection.outputs import row_entropies

#: Share of the start's classes that must stay in use; a target may well have fewer than the start answers.
LEAST = 0.5


def classes_in_use(probabilities: NDArray[np.floating]) -> float:
    """Return how many classes the answers use: the exponential of the entropy of their shares.

    It is 1 if all faces are answered alike, and C if all classes are answered equally often.

    Args:
        probabilities: (n, C); only the largest of each row counts.
    """
    counts = np.bincount(probabilities.argmax(1), minlength=probabilities.shape[1])
    return float(np.exp(row_entropies(counts / counts.sum())))


def has_collapsed(now: float, before: float) -> bool:
    """Return whether answers use fewer than half as many classes as those of the start.

    Args:
        now: `classes_in_use` of a checkpoint.
        before: That of the model it started from.
    """
    return now < LEAST * before


def trust(scores: Mapping[str, float], first: Mapping[str, float]) -> float:
    """Return what the guard of `choose` looks at: the accuracy on source faces.

    Without source faces it is 1 unless the answers collapsed since the start, else 0.

    Args:
        scores: Of the epoch, by name.
        first: Of the stage's first epoch.
    """
    if "source_accuracy" in scores or "classes_in_use" not in scores:
        return float(scores.get("source_accuracy", 0.0))
    return float(not has_collapsed(scores["classes_in_use"], first["classes_in_use"]))
