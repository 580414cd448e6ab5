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
def with_statistics_of(network: Network, batches: Iterable[tuple[Tensor, Tensor | None]]) -> Network:
    """Return a copy, in evaluation mode, whose batch norms know the given data.

    Statistics are the mean over the batches of each batch's own. A network without batch norm is copied as
    it is, and so is one for which there is no batch of two rows.

    Args:
        network: Is left as it is.
        batches: Images (B, 3, H, W) and landmarks (B, P, 2) or None, as `network` takes them; a single row
            is passed over, for it has no variance.
    """
    adapted = copy.deepcopy(network).eval()
    norms = [module for module in adapted.modules() if isinstance(module, _BatchNorm)]
    former = [norm.momentum for norm in norms]
    is_first = True
    for images, landmarks in batches if norms else ():
        if len(images) < 2:
            continue
        for norm in norms if is_first else ():
            norm.reset_running_stats()
            # None makes the running values a plain mean over the batches
            norm.momentum = None
            norm.train()
        is_first = False
        adapted(images, landmarks)
    for norm, momentum in zip(norms, former, strict=True):
        norm.momentum = momentum
        norm.eval()
    return adapted
