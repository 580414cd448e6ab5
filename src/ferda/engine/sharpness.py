"""Sharpness-aware minimisation: the gradient is taken where the loss near by is worst.

Foret et al., "Sharpness-aware minimization for efficiently improving generalization", ICLR 2021. With the
gradient g at the weights w, a second gradient is taken at

    w + rho * g / ||g||,

on the same batch with the same dropout, and moves w. Batch norm sees the batch twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def climbed(module: nn.Module, radius: float) -> Iterator[None]:
    """Stand uphill for a while: moves weights along their gradient, forgets it, and puts them back exactly.

    Args:
        module: With gradients.
        radius: rho, length of the move over all weights that have a gradient.
    """
    weights = [weight for weight in module.parameters() if weight.grad is not None]
    kept = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        length = torch.stack([gradient.float().norm() for gradient in gradients]).norm()
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.add_(gradient * (radius / (length + 1e-12)))
    for weight in weights:
        weight.grad = None
    yield
    with torch.no_grad():
        for weight, before in zip(weights, kept, strict=True):
            weight.copy_(before)
