"""Error of valence and arousal on held-out rows of the sources, for methods that learn them.

Siqueira et al., AAAI 2020, keep the epoch of their ensemble whose mean answer has the smallest sum of both
root mean squared errors (their table 4 has the two). Like source accuracy it knows nothing of the target.
"""

from __future__ import annotations

import numpy as np

from ferda.selection.outputs import EpochOutputs

NEEDS = ("affect",)


def score(outputs: EpochOutputs) -> float:
    """Return minus the sum of the root mean squared errors of valence and arousal; 0 is the best.

    Each error is one over the rows whose value is known; a dimension of which no row is known counts nothing.

    Args:
        outputs: Of one checkpoint.
    """
    labels, answers = outputs.source_affect, outputs.source_affect_answers
    if labels is None or answers is None:
        raise ValueError("the error of valence and arousal needs labels of source rows, and answers to them")
    columns = zip(labels.T.astype(float), answers.T.astype(float), strict=True)
    known = [(wanted[np.isfinite(wanted)], said[np.isfinite(wanted)]) for wanted, said in columns]
    return -float(sum(np.sqrt(np.mean((said - wanted) ** 2)) for wanted, said in known if len(wanted)))
