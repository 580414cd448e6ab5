"""The discrepancy of every source cluster from every target cluster, all pairs at once.

Kang et al., "Contrastive adaptation network", CVPR 2019, compare classes instead of domains: equal classes of
two domains shall meet, different ones part. Each pair of clusters has a kernel of its own width, so a loop
would take C * C small kernels; here the rows' distances are taken once and every pair reads its share.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ferda.checks import check_shape
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32
from ferda.losses.mmd import gaussian_kernel, kernel_width, squared_distances


def cluster_mmd(
    source: Tensor,
    target: Tensor,
    source_clusters: Tensor,
    target_clusters: Tensor,
    *,
    kernels: int = 5,
    factor: float = 2.0,
) -> Tensor:
    """Return `MMD(S_a, T_b)` of all clusters a of the source and b of the target.

    Equal to `MMDLoss` on the rows of the two clusters alone: the kernel's width is theirs. Rows of this
    process only (local); a loss gathers before.

    Args:
        source: (n, D) features.
        target: (m, D) features.
        source_clusters: (n, A) one-hot; a row of zeros is in no cluster.
        target_clusters: (m, B) likewise.
        kernels: Number of Gaussians.
        factor: From one width to the next.

    Returns:
        (A, B), zero where a cluster is empty.
    """
    check_shape(source_clusters, "B A", "source_clusters", B=len(source))
    check_shape(target_clusters, "B A", "target_clusters", B=len(target))
    rows, n = at_least_float32(torch.cat([source, target])), len(source)
    s, t = source_clusters.to(rows), target_clusters.to(rows)
    distances = squared_distances(rows)
    of_source, of_target, between = distances[:n, :n], distances[n:, n:], distances[:n, n:]
    with full_precision(rows):
        total = _within(of_source, s).unsqueeze(1) + _within(of_target, t) + 2 * s.T @ between @ t
        size_s, size_t = s.sum(0), t.sum(0)
        width = kernel_width(total, size_s.unsqueeze(1) + size_t, distances.max())
        count_s, count_t = size_s.clamp_min(1), size_t.clamp_min(1)
        # the kernels of two rows of one cluster differ with the other side's cluster: a third axis
        source_part = _pairs(of_source, s, width, kernels, factor) / count_s.square().unsqueeze(1)
        target_part = _pairs(of_target, t, width.T, kernels, factor).T / count_t.square()
        mixed = gaussian_kernel(between, _known(s @ width @ t.T), kernels, factor)
        mixed_part = s.T @ mixed @ t / (count_s.unsqueeze(1) * count_t)
    is_there = (size_s > 0).unsqueeze(1) & (size_t > 0)
    return (source_part + target_part - 2 * mixed_part) * is_there


def _within(distances: Tensor, clusters: Tensor) -> Tensor:
    """(A,): sum of the distances within each cluster."""
    return (clusters * (distances @ clusters)).sum(0)


def _pairs(distances: Tensor, clusters: Tensor, width: Tensor, kernels: int, factor: float) -> Tensor:
    """(A, B): sum of the kernel over all pairs within cluster a, under the width of (a, b)."""
    own = _known(clusters @ width).unsqueeze(1)
    kernel = gaussian_kernel(distances.unsqueeze(2), own, kernels, factor)
    together = (clusters @ clusters.T).unsqueeze(2)
    return clusters.T @ (kernel * together).sum(1)


def _known(width: Tensor) -> Tensor:
    """A row in no cluster has no width; any other than zero will do, since nothing counts it."""
    return torch.where(width > 0, width, 1)
