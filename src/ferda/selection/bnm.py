"""Nuclear norm of the answers for the target: sure of each, and using all classes.

Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization under label insufficient
situations", CVPR 2020, arXiv 2003.12237, learn by it; Musgrave et al., arXiv 2208.07360, choose by it, with
all rows as one batch. The norm is largest, sqrt(m C), for answers that are one-hot and balanced; a model
that answers one class for everything scores the square root of C less.

Traps: as of `im`, balance is taken for a virtue, and a model that is sure and wrong scores as one that is
sure and right. The score depends on the number of rows, so it orders checkpoints on the same rows only.
"""

from __future__ import annotations

import numpy as np

from ferda.selection.outputs import EpochOutputs


def score(outputs: EpochOutputs) -> float:
    """Return the sum of the singular values of the (m, C) answers over m, at most sqrt(C / m).

    Args:
        outputs: Of one checkpoint.
    """
    rows = outputs.target_probabilities.astype(np.float64)
    return float(np.linalg.svd(rows, compute_uv=False).sum() / len(rows))
