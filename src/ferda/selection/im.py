"""Information maximisation: sure of each answer, and using all classes.

The mutual information between picture and answer, H(mean p) - mean H(p). A collapsed model scores zero, which
is the lowest there is.

Trap: it takes balance for a virtue. Where the target really is unbalanced (happiness 40 %, fear 3 %), a model
that spreads its answers evenly and wrongly scores above the right one.
"""

from __future__ import annotations

from ferda.selection.outputs import EpochOutputs, row_entropies


def score(outputs: EpochOutputs) -> float:
    """Return the mutual information between pictures and answers, in nats, from 0 to log C.

    Args:
        outputs: Of one checkpoint.
    """
    rows = outputs.target_probabilities.astype(float)
    return float(row_entropies(rows.mean(0)) - row_entropies(rows).mean())
