"""Moment distance: several domains whose features have the same moments, each of each.

Peng et al., "Moment matching for multi-source domain adaptation" (M3SDA), ICCV 2019. Sources are drawn to the
target and to one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32


class MomentDistanceLoss(nn.Module):
    """`L = sum_k 1/S sum_j ||E s_j^k - E t^k|| + 1/(S over 2) sum_{i<j} ||E s_i^k - E s_j^k||`, k = 1 to K.

    Powers are taken feature by feature, E is the mean over a domain's rows, the norm is Euclidean. Batches
    may differ in size; with one source the second sum is empty. Means are over all processes (gathered).

    Args:
        moments: K (paper: 2).
    """

    def __init__(self, moments: int = 2) -> None:
        super().__init__()
        self.moments = moments

    def forward(self, sources: Sequence[Tensor], target: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            sources: (n_j, D) features of every source.
            target: (m, D) features.
        """
        for rows in sources:
            check_shape(rows, "B D", "a source", D=target.shape[1])
        domains = [at_least_float32(gathered(rows)) for rows in (*sources, target)]
        means = torch.stack([self._moments(rows) for rows in domains])
        to_target = (means[:-1] - means[-1]).norm(dim=2).mean(0)
        pairs = list(combinations(range(len(sources)), 2))
        if not pairs:
            return to_target.sum()
        first, second = zip(*pairs, strict=True)
        apart = (means[list(first)] - means[list(second)]).norm(dim=2).mean(0)
        return (to_target + apart).sum()

    def _moments(self, rows: Tensor) -> Tensor:
        """(K, D)."""
        return torch.stack([rows.pow(k).mean(0) for k in range(1, self.moments + 1)])
