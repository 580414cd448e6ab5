"""Minimum class confusion: no alignment of domains, only fewer mixed-up classes in the target.

Jin et al., "Minimum class confusion for versatile domain adaptation", ECCV 2020. From the predictions of one
batch alone it estimates which classes are confused with which, and pushes the off-diagonal down.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32
from ferda.losses.entropy import entropy


class ClassConfusionLoss(nn.Module):
    """Mean off-diagonal mass of the batch's class correlation (eqs. 2 to 6 of the paper).

        y = softmax(z / T),   w_i = B (1 + exp(-H(y_i))) / sum_k (1 + exp(-H(y_k))),
        K = y^T diag(w) y,    K~_jk = K_jk / sum_l K_jl,    L = 1/C sum_j sum_{k != j} K~_jk.

    The weights carry no gradient, as in the authors' code. A class that nobody predicts has a row of zeros
    and adds nothing. A batch of one is defined, but says how undecided that row is, not what is confused. The
    correlation is of one batch, over all processes (gathered).

    Args:
        temperature: T, softens the predictions (paper: 2.5 for most tasks).
    """

    def __init__(self, temperature: float = 2.5) -> None:
        super().__init__()
        self.temperature = temperature

    def forward(self, logits: Tensor) -> Tensor:
        """Return the scalar loss of the target's (B, C) logits, between 0 and 1."""
        check_shape(logits, "B C", "logits")
        logits = gathered(at_least_float32(logits))
        probabilities = (logits / self.temperature).softmax(1)
        certainty = 1 + torch.exp(-entropy(probabilities.detach()))
        weights = len(logits) * certainty / certainty.sum()
        with full_precision(probabilities):
            confusion = probabilities.T @ (weights.unsqueeze(1) * probabilities)
        shares = confusion / confusion.sum(1, keepdim=True).clamp_min(torch.finfo(logits.dtype).tiny)
        return (shares.sum() - shares.diagonal().sum()) / logits.shape[1]
