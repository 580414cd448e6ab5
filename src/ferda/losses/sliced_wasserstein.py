"""How far the predictions of two heads are apart as clouds of points, seen along random directions.

Lee et al., "Sliced Wasserstein discrepancy for unsupervised domain adaptation", CVPR 2019. Along one
direction the cheapest way to carry one cloud into the other is to sort both.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32


class SlicedWassersteinLoss(nn.Module):
    """`L = 1/(B M) sum_m ||sort(p_1 w_m) - sort(p_2 w_m)||^2` with p = softmax(z), w_m random of length 1.

    It is 0 where both heads give the same predictions, to whichever rows. Statistics of a batch, over all
    processes (gathered), each of which draws directions of its own.

    Args:
        directions: M.
    """

    def __init__(self, directions: int = 128) -> None:
        super().__init__()
        self.directions = directions

    def forward(self, logits: Tensor) -> Tensor:
        """Return the scalar loss of the (2, B, C) logits of two heads."""
        check_shape(logits, "S B C", "logits", S=2)
        rows = gathered(at_least_float32(logits).softmax(2).transpose(0, 1)).transpose(0, 1)
        drawn = torch.randn(logits.shape[2], self.directions, device=rows.device, dtype=rows.dtype)
        with full_precision(rows):
            first, second = (rows @ functional.normalize(drawn, dim=0)).sort(1).values  # (B, M) each
        return (first - second).square().mean()
