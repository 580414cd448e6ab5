"""Effective rank of the target's features (Garrido et al., ICML 2023, arXiv 2210.02885).

The exponential of the entropy of the normalised singular values: how many directions the features really
use. Features that collapsed to a point or a line score about 1.

Traps: it was made for features before there is a classifier, and it does not look at a single answer.
Adaptation that gathers the rows of a class lowers it, and so do unbalanced faces; noise raises it. It says
when features collapse; it is no measure of how good they are.
"""

from __future__ import annotations

import numpy as np

from ferda.selection.outputs import EpochOutputs

_EPSILON = 1e-7  # of the paper, for float32


def score(outputs: EpochOutputs) -> float:
    """Return the effective rank, from 1 to the smaller of rows and features.

    Args:
        outputs: Of one checkpoint; features that are all zero score 1.
    """
    values = np.linalg.svd(outputs.target_features.astype(np.float32), compute_uv=False).astype(np.float64)
    if not values.any():
        return 1.0
    shares = values / values.sum() + _EPSILON
    return float(np.exp(-(shares * np.log(shares)).sum()))
