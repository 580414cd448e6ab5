"""Local MMD (DSAN): the discrepancy of each class from itself in the other domain.

Zhu et al., "Deep subdomain adaptation network for image classification", IEEE TNNLS 2021. A target row has no
class, but probabilities of all; it counts in every class as much as it probably belongs there.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32
from ferda.losses.mmd import KernelLoss, kernel_blocks, weighted_mmd


def class_weights(labels: Tensor, probabilities: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return how much every row counts in every class: shares of the class, zero for a class one side lacks.

        s_ic = 1[y_i = c] / count of c,   t_jc = p_jc / sum_j p_jc,   without gradient,

    for the L classes that are among the labels and among the most probable classes of the target.

    Args:
        labels: (n,) classes, or (n, C) distributions, of the source.
        probabilities: (m, C) of the target.

    Returns:
        (n, C), (m, C), and the number L.
    """
    check_shape(probabilities, "B C", "probabilities")
    t = at_least_float32(probabilities.detach())
    classes = t.shape[1]
    s = labels.to(t) if labels.ndim == 2 else functional.one_hot(labels, classes).to(t)
    hard = s.argmax(1)
    is_shared = functional.one_hot(hard, classes).any(0) & functional.one_hot(t.argmax(1), classes).any(0)
    least = torch.finfo(t.dtype).tiny
    s, t = (rows * is_shared / rows.sum(0).clamp_min(least) for rows in (s, t))
    return s, t, is_shared.sum()


class LocalMMDLoss(KernelLoss):
    """`L = 1/L sum_c s_c^T K_ss s_c + t_c^T K_tt t_c - 2 s_c^T K_st t_c`, weights as in `class_weights`.

    The kernel is that of `MMDLoss` over all rows. Sizes may differ; without a shared class it is 0.
    Statistics of a batch, over all processes (gathered).

    Args:
        kernels: Number of Gaussians.
        factor: From one width to the next.
    """

    def forward(self, source: Tensor, target: Tensor, labels: Tensor, probabilities: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            source: (n, D) features.
            target: (m, D) features.
            labels: (n,) classes, or (n, C) distributions, of the source rows.
            probabilities: (m, C) of the target rows.
        """
        s, t, shared = class_weights(gathered(labels), gathered(probabilities.detach()))
        blocks = kernel_blocks(gathered(source), gathered(target), self.kernels, self.factor)
        return weighted_mmd(blocks, s, t) / shared.clamp_min(1)
