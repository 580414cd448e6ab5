"""How sure the model is of its answers for the target: minus the mean entropy.

Trap: a collapsed model that answers one class for everything, and is sure of it, has the best score there is.
Use it only together with the guard of `choose`.
"""

from __future__ import annotations

from ferda.selection.outputs import EpochOutputs, row_entropies


def score(outputs: EpochOutputs) -> float:
    """Return minus the mean entropy of the target's answers, in nats; 0 is the best.

    Args:
        outputs: Of one checkpoint.
    """
    return -float(row_entropies(outputs.target_probabilities).mean())
