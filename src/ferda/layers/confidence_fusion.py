"""Several classifiers decide together, each row trusting those that are sure of it."""

from __future__ import annotations

import torch
from torch import Tensor

from ferda.layers.precision import at_least_float32
from ferda.losses.entropy import entropy


def confidence_fusion(logits: Tensor) -> Tensor:
    """Return `log q` with `q = sum_j a_j p_j / sum_j a_j`, `a_j = exp(-H(p_j))` and `p_j = softmax(z_j)`.

    The weights are those of one row alone, and do not depend on the order of the classifiers.

    Args:
        logits: (S, B, C) of S classifiers.

    Returns:
        (B, C).
    """
    probabilities = at_least_float32(logits).softmax(2)
    # the entropies' epsilon is the same for all and so falls out of the shares
    shares = (-entropy(probabilities)).softmax(0)
    fused = (shares.unsqueeze(2) * probabilities).sum(0)
    return fused.clamp_min(torch.finfo(fused.dtype).tiny).log()
