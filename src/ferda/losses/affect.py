"""Affect: how far valence and arousal are from what people said, as a root mean square.

Siqueira et al., "Efficient facial feature learning with wide ensemble-based convolutional neural networks",
AAAI 2020, train each branch of an ensemble on the sum of the two errors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32


class AffectLoss(nn.Module):
    """Root mean squared error of every branch k and dimension d (valence, arousal), added up.

        L = sum_k sum_d sqrt(1/N_d sum_n (p_knd - t_nd)^2 + eps)

    over the N_d rows whose value is known (not NaN). A dimension of which no row is known costs 0. The root
    is one of the whole batch, over all processes (gathered). A perfect prediction costs sqrt(eps) for each
    branch and dimension, with a gradient of 0.

    Args:
        eps: Keeps the root's gradient finite at no error.
    """

    def __init__(self, eps: float = 1e-12) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, predictions: Tensor, targets: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            predictions: (K, B, 2) of K branches.
            targets: (B, 2), NaN where unknown.
        """
        check_shape(predictions, "K B 2", "predictions", B=len(targets))
        check_shape(targets, "B 2", "targets")
        targets = gathered(targets).to(at_least_float32(predictions).dtype)
        predictions = gathered(at_least_float32(predictions).transpose(0, 1)).transpose(0, 1)
        known = targets.isfinite()
        # the error of an unknown value is 0 before it is squared: NaN times 0 would be NaN
        errors = torch.where(known, predictions - torch.where(known, targets, 0), 0)
        count = known.sum(0)
        mean = errors.square().sum(1) / count.clamp(min=1)
        return torch.where(count > 0, (mean + self.eps).sqrt(), 0).sum()
