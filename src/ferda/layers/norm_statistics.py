"""Batch norm's running statistics, estimated anew on other data: AdaBN.

Li et al., "Adaptive batch normalization for practical domain adaptation", Pattern Recognition 2018. A network
that was trained on one camera normalises with that camera's means and variances; with those of the new
camera, and no other change, it often works much better there. The weights stay as they are.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)
_BatchNorm = nn.modules.batchnorm._BatchNorm


@torch.no_grad()
def with_statistics_of(
    network: Network, batches: Iterable[tuple[Tensor, Tensor | None]], *, source_rows: float = 0
) -> Network:
    """Return a copy, in evaluation mode, whose batch norms know the given data.

    Statistics are the mean over the batches of each batch's own; with n rows in all, they are mixed with the
    network's former ones as n to `source_rows`. A network without batch norm is copied as it is, and so is
    one for which there is no batch of two rows.

    Args:
        network: Is left as it is.
        batches: Images (B, 3, H, W) and landmarks (B, P, 2) or None, as `network` takes them; a single row
            is passed over, for it has no variance.
        source_rows: Number of rows that the former statistics count as; 0 forgets them. Few rows know little,
            and Schneider et al., NeurIPS 2020, section 3, mix so.
    """
    adapted = copy.deepcopy(network).eval()
    norms = [module for module in adapted.modules() if isinstance(module, _BatchNorm)]
    former = [norm.momentum for norm in norms]
    known = [{name: buffer.clone() for name, buffer in norm.named_buffers()} for norm in norms]
    rows = 0
    for images, landmarks in batches if norms else ():
        if len(images) < 2:
            continue
        for norm in norms if rows == 0 else ():
            norm.reset_running_stats()
            # None makes the running values a plain mean over the batches
            norm.momentum = None
            norm.train()
        rows += len(images)
        adapted(images, landmarks)
    for norm, momentum, source in zip(norms, former, known, strict=True):
        norm.momentum = momentum
        norm.eval()
        for name in {"running_mean", "running_var"} & source.keys() if rows else ():
            norm.get_buffer(name).lerp_(source[name], source_rows / (source_rows + rows))
    return adapted
