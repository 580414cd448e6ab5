"""MMD that minds classes: source rows weigh what their class weighs in the target; classes meet their own.

Li and Deng, "Deep emotion transfer network for cross-database facial expression recognition" (DETN), ICPR
2018, and "A deeper look at facial expression dataset bias" (ECAN), IEEE Transactions on Affective Computing
2020, in the form of the CD-FER benchmark (Chen et al., IEEE TPAMI 2022). No row is paired with itself.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32
from ferda.losses.mmd import KernelBlocks, kernel_width, squared_distances

Shape = Literal["gaussian", "laplacian"]
Width = float | Literal["mean"]


def pair_kernel(rows: Tensor, shape: Shape = "gaussian", width: Width = 1.0) -> Tensor:
    """Return `k = exp(-||x - y||^2 / (2 width^2))` of all pairs of rows.

    Args:
        rows: (N, D).
        shape: `laplacian` does not square the distance.
        width: In the units of the rows; `mean` divides by the mean over all pairs instead, without gradient.

    Returns:
        (N, N), 0 for a row with itself.
    """
    check_shape(rows, "N D", "rows")
    distances = squared_distances(at_least_float32(rows))
    if shape == "laplacian":
        # the root has no derivative at 0
        distances = (distances + 1e-12).sqrt()
    mean = kernel_width(distances.sum(), len(rows), distances.max())
    scale = mean if width == "mean" else 2 * width**2
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return torch.exp(-distances / scale).masked_fill(own, 0)


class _PairLoss(nn.Module):
    """Base of both losses.

    Args:
        shape: See `pair_kernel`.
        width: Likewise.
        is_halved: Count each pair within a domain once, where the unbiased estimate counts it twice.
    """

    def __init__(self, shape: Shape = "gaussian", width: Width = 1.0, is_halved: bool = False) -> None:
        super().__init__()
        self.shape = shape
        self.width = width
        self.within = 0.5 if is_halved else 1.0

    def _blocks(self, source: Tensor, target: Tensor) -> KernelBlocks:
        check_shape(target, "B D", "target", D=source.shape[1])
        n = len(source)
        kernel = pair_kernel(torch.cat([source, target]), self.shape, self.width)
        return KernelBlocks(kernel[:n, :n], kernel[n:, n:], kernel[:n, n:])


class ReweightedMMDLoss(_PairLoss):
    """The discrepancy of two domains, of which the source's rows have weights a.

        L = sum_{i != j} a_i a_j k(s_i, s_j) / n(n-1) + sum_{i != j} k(t_i, t_j) / m(m-1)
            - 2 sum_ij a_i k(s_i, t_j) / nm.

    In DETN a row's weight is the share of its class in the target, divided by that in the source. The
    estimate has no bias, so it may be negative. A single row has no pairs: 0 for its part. Statistics of a
    batch, over all processes (gathered).

    Args:
        shape: See `pair_kernel`.
        width: Likewise.
        is_halved: Count each pair within a domain once, as the benchmark's program does.
    """

    def forward(self, source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Return the scalar loss.

        Args:
            source: (n, D) features.
            target: (m, D) features.
            weights: (n,) a.
        """
        check_shape(weights, "B", "weights", B=len(source))
        source, target, weights = gathered(source), gathered(target), gathered(weights)
        blocks, a = self._blocks(source, target), weights.to(at_least_float32(source))
        n, m = len(source), len(target)
        with full_precision(a):
            of_source = a @ blocks.source @ a / max(n * (n - 1), 1)
            between = (a @ blocks.between).sum() / (n * m)
        of_target = blocks.target.sum() / max(m * (m - 1), 1)
        return self.within * (of_source + of_target) - 2 * between


class ConditionalMMDLoss(_PairLoss):
    """The discrepancies of the classes, each between its own rows of both domains (ECAN).

        L = sum_c mean_{i != j} k(s_i, s_j) + mean_{i != j} k(t_i, t_j) - 2 mean_ij k(s_i, t_j)

    over rows of class c. A class counts if both domains have two rows of it. Statistics of a batch, over all
    processes (gathered).

    Args:
        shape: See `pair_kernel`.
        width: Likewise.
        is_halved: Count each pair within a domain once, as the benchmark's program does.
        is_repelling: Add the last term instead of subtracting it, as that program does: it then drives the
            domains' rows of a class apart.
    """

    def __init__(
        self,
        shape: Shape = "gaussian",
        width: Width = 1.0,
        is_halved: bool = False,
        is_repelling: bool = False,
    ) -> None:
        super().__init__(shape, width, is_halved)
        self.between = 2.0 if is_repelling else -2.0

    def forward(
        self, source: Tensor, target: Tensor, source_labels: Tensor, target_labels: Tensor, classes: int
    ) -> Tensor:
        """Return the scalar loss.

        Args:
            source: (n, D) features.
            target: (m, D) features.
            source_labels: (n,) classes.
            target_labels: (m,) classes, guessed.
            classes: Number of classes `C`.
        """
        source, target = gathered(source), gathered(target)
        blocks = self._blocks(source, target)
        s, t = (
            functional.one_hot(gathered(labels), classes).to(blocks.source)
            for labels in (source_labels, target_labels)
        )
        n, m = s.sum(0), t.sum(0)
        with full_precision(s):
            of_source = (s * (blocks.source @ s)).sum(0) / (n * (n - 1)).clamp_min(1)
            of_target = (t * (blocks.target @ t)).sum(0) / (m * (m - 1)).clamp_min(1)
            between = (s * (blocks.between @ t)).sum(0) / (n * m).clamp_min(1)
        counts = (n > 1) & (m > 1)
        return ((self.within * (of_source + of_target) + self.between * between) * counts).sum()
