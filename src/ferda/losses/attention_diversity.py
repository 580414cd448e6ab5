"""Attention diversity: several attention heads shall not all look at the same places (DDAMFN)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32


class AttentionDiversityLoss(nn.Module):
    """The reciprocal of how much the heads' maps differ on average.

    With K heads h, P = K (K - 1) / 2 pairs of them and the mean over rows, channels and places inside,

        L = P / (sum_{i<j} mean((h_i - h_j)^2) + epsilon).

    A single head has nothing to differ from and gives 0. The loss grows without bound as heads become alike;
    epsilon, the authors' machine epsilon of float64, only keeps it finite. The mean is over the rows of all
    processes (gathered).

    Args:
        epsilon: Bound on the loss: it cannot exceed P / epsilon.
    """

    def __init__(self, epsilon: float = 2.0**-52) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, heads: Sequence[Tensor]) -> Tensor:
        """Return the scalar loss of K maps (B, C, H, W) of the same rows."""
        pairs = list(combinations(heads, 2))
        if not pairs:
            return heads[0].new_zeros((), dtype=torch.promote_types(heads[0].dtype, torch.float32))
        for head in heads:
            check_shape(head, "B C H W", "heads", B=len(heads[0]))
        differences = torch.stack(
            [(at_least_float32(one) - at_least_float32(other)).square().mean() for one, other in pairs]
        )
        return len(pairs) / (gathered(differences.sum().reshape(1)).mean() + self.epsilon)
