"""Maximum mean discrepancy: how far apart two clouds of features are, seen through a kernel.

Long et al., "Learning transferable features with deep adaptation networks" (DAN), ICML 2015, look through a
Gaussian of several widths; MFSAN and LA-CMFER do the same. Tzeng et al., "Deep domain confusion" (DDC), 2014,
look through the linear kernel, which sees the means alone. With weights a row counts more or less, or not at
all: LA-CMFER's sample-level alignment and DSAN's local MMD are such weightings. Letters: n source rows, m
target rows, N = n + m.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32


class KernelBlocks(NamedTuple):
    """A kernel of all rows of two domains, in three parts.

    Attributes:
        source: (n, n).
        target: (m, m).
        between: (n, m), source rows against target rows.
    """

    source: Tensor
    target: Tensor
    between: Tensor


def squared_distances(rows: Tensor) -> Tensor:
    """Return `D_ij = ||x_i - x_j||^2` of all pairs from the Gram matrix: no (N, N, D) tensor is made.

    Args:
        rows: (N, D) of float32 or better.

    Returns:
        (N, N), exactly zero on the diagonal.
    """
    with full_precision(rows):
        # distances do not change with the origin, but rounding does
        rows = rows - rows.mean(0).detach()
        lengths = rows.square().sum(1)
        distances = lengths.unsqueeze(1) + lengths - 2 * rows @ rows.T
    own = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    return distances.clamp_min(0).masked_fill(own, 0)


def kernel_width(total: Tensor, rows: Tensor | int, scale: Tensor) -> Tensor:
    """Return the mean squared distance `b = sum_ij D_ij / (N^2 - N)`, without gradient.

    It is kept above what rounding makes of equal rows (8 units of the last place of `scale`, and 1e-12),
    where 0 / 0 would follow.

    Args:
        total: Sum over all ordered pairs.
        rows: N, broadcast against `total`.
        scale: Largest squared distance there is.
    """
    pairs = rows * rows - rows
    if isinstance(pairs, Tensor):
        pairs = pairs.clamp_min(1)
    least = (8 * torch.finfo(total.dtype).eps * scale.detach()).clamp_min(1e-12)
    return (total.detach() / pairs).maximum(least)


def gaussian_kernel(distances: Tensor, width: Tensor, kernels: int = 5, factor: float = 2.0) -> Tensor:
    """Return `k = sum_u exp(-D / (b factor^(u - kernels // 2)))` with u from 0 to kernels - 1.

    Args:
        distances: D, any shape.
        width: b, broadcast against `distances`.
        kernels: Number of Gaussians.
        factor: From one to the next.
    """
    share = distances / width
    return sum(
        (torch.exp(-share * factor ** (kernels // 2 - u)) for u in range(kernels)),
        start=torch.zeros_like(share),
    )


def kernel_blocks(
    source: Tensor,
    target: Tensor,
    kernels: int = 5,
    factor: float = 2.0,
    width: float | None = None,
) -> KernelBlocks:
    """Return the multi-kernel Gaussian of two domains.

    Args:
        source: (n, D).
        target: (m, D).
        kernels: Number of Gaussians.
        factor: From one to the next.
        width: b; None takes that of all rows together.
    """
    check_shape(source, "B D", "source")
    check_shape(target, "B D", "target", D=source.shape[1])
    rows, n = at_least_float32(torch.cat([source, target])), len(source)
    distances = squared_distances(rows)
    if width is None:
        b = kernel_width(distances.sum(), len(rows), distances.max())
    else:
        b = distances.new_tensor(width)
    kernel = gaussian_kernel(distances, b, kernels, factor)
    return KernelBlocks(kernel[:n, :n], kernel[n:, n:], kernel[:n, n:])


def weighted_mmd(
    blocks: KernelBlocks, source_weights: Tensor, target_weights: Tensor, one_sided: bool = False
) -> Tensor:
    """Return `sum_k s_k^T K_ss s_k + t_k^T K_tt t_k - 2 s_k^T K_st t_k` over the columns k of the weights.

    Args:
        blocks: See `kernel_blocks`.
        source_weights: (n,) or (n, K), columns that sum to one, or are zero.
        target_weights: (m,) or (m, K).
        one_sided: Count a column that is zero on one side; its one term then pushes the other side's rows
            apart. Otherwise it counts nothing.
    """
    s = source_weights.reshape(len(source_weights), -1).to(blocks.source)
    t = target_weights.reshape(len(target_weights), -1).to(blocks.target)
    with full_precision(blocks.source):
        of_source = (s * (blocks.source @ s)).sum(0)
        of_target = (t * (blocks.target @ t)).sum(0)
        columns = of_source + of_target - 2 * (s * (blocks.between @ t)).sum(0)
    if not one_sided:
        columns = columns * (s.any(0) & t.any(0))
    return columns.sum()


class KernelLoss(nn.Module):
    """Base of the losses that see features through several Gaussians.

    Args:
        kernels: Number of Gaussians.
        factor: From one width to the next.
    """

    def __init__(self, kernels: int = 5, factor: float = 2.0) -> None:
        super().__init__()
        self.kernels = kernels
        self.factor = factor


class MMDLoss(KernelLoss):
    """`L = mean K_ss + mean K_tt - 2 mean K_st` with a Gaussian of several widths (DAN, MFSAN).

        D_ij = ||x_i - x_j||^2 over all N rows,   b = stopgrad(sum_ij D_ij / (N^2 - N)),
        K_ij = sum_u exp(-D_ij / (b factor^(u - kernels // 2))).

    This is the biased estimate, diagonals included, so it is never negative; n and m may differ. A single
    row against itself gives 0. Statistics of a batch, over all processes (gathered).

    Args:
        kernels: Number of Gaussians.
        factor: From one width to the next.
    """

    def forward(
        self,
        source: Tensor,
        target: Tensor,
        source_weights: Tensor | None = None,
        target_weights: Tensor | None = None,
    ) -> Tensor:
        """Return the scalar loss.

        Args:
            source: (n, D) features.
            target: (m, D) features.
            source_weights: (n,), or (n, K) to add K discrepancies under one kernel; None is 1 / n. Rows of
                this process, but columns that sum to one over all of them.
            target_weights: (m,) or (m, K); None is 1 / m.
        """
        source, target = gathered(source), gathered(target)
        blocks = kernel_blocks(source, target, self.kernels, self.factor)
        return weighted_mmd(blocks, _weights(source_weights, source), _weights(target_weights, target))


class LinearTimeMMDLoss(KernelLoss):
    """`L = mean_i K(s_i, s_i+1) + K(t_i, t_i+1) - K(s_i, t_i+1) - K(s_i+1, t_i)`, indices modulo n.

    DAN's estimate from neighbouring rows: O(N) in time and memory, and noisier; it may be negative. The width
    is that of `MMDLoss`. The longer domain's last rows go unused; a single row of each is compared with
    itself. Statistics of a batch, over all processes (gathered).

    Args:
        kernels: Number of Gaussians.
        factor: From one width to the next.
    """

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss of (n, D) and (m, D) features."""
        check_shape(source, "B D", "source")
        check_shape(target, "B D", "target", D=source.shape[1])
        source, target = (at_least_float32(gathered(rows)) for rows in (source, target))
        rows = torch.cat([source, target])
        lengths = (rows - rows.mean(0)).square().sum(1)
        # sum_ij ||x_i - x_j||^2 = 2 N sum_i ||x_i - mean||^2
        width = kernel_width(2 * len(rows) * lengths.sum(), len(rows), 4 * lengths.max())
        n = min(len(source), len(target))
        s, t = source[:n], target[:n]
        next_s, next_t = s.roll(-1, 0), t.roll(-1, 0)
        pairs = torch.stack([s - next_s, t - next_t, s - next_t, next_s - t]).square().sum(2)
        kernel = gaussian_kernel(pairs, width, self.kernels, self.factor).mean(1)
        return kernel[0] + kernel[1] - kernel[2] - kernel[3]


class LinearMMDLoss(nn.Module):
    """`L = ||mean f_s - mean f_t||^2`, the discrepancy under the linear kernel (DDC).

    The sizes may differ. The means are over all processes (gathered).
    """

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss of (n, D) and (m, D) features."""
        check_shape(source, "B D", "source")
        check_shape(target, "B D", "target", D=source.shape[1])
        means = [at_least_float32(gathered(rows)).mean(0) for rows in (source, target)]
        return (means[0] - means[1]).square().sum()


def _weights(given: Tensor | None, rows: Tensor) -> Tensor:
    """Weights of all processes' rows, equal ones where none are given."""
    if given is None:
        return rows.new_full((len(rows),), 1 / len(rows), dtype=torch.promote_types(rows.dtype, torch.float))
    return gathered(given)
