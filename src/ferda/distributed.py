"""The two collectives that losses need. With one process both return their input.

A loss over a batch's statistics (a marginal entropy, a class confusion, normalised weights) changes when the
batch is split over processes. Such a loss calls `gathered` on its inputs first, so that every process sees
the whole batch; the gradient flows back to the rows of each process, scaled so that averaging gradients
over processes gives the gradient of one process with the whole batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        context.count = len(rows)
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        start = dist.get_rank() * context.count
        return total[start : start + context.count]


def gathered(rows: Tensor) -> Tensor:
    """Return the rows of all processes, first axis concatenated in rank order, differentiable.

    Args:
        rows: (B, *) with the same shape in every process.

    Returns:
        (world size * B, *).
    """
    return rows if world_size() == 1 else _Gather.apply(rows)
