"""Sharpness-aware minimisation: the gradient is taken where the loss near by is worst.

Foret et al., "Sharpness-aware minimization for efficiently improving generalization", ICLR 2021. With the
gradient g at the weights w, a second gradient is taken at

    w + rho * g / ||g||,

on the same batch with the same dropout, and moves w. Batch norm sees the batch twice.

Rangwani et al., "A closer look at smoothness in domain adversarial training" (SDAT), ICML 2022: beside an
adversarial loss, g shall be the gradient of the task loss alone; the second gradient is of all losses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from ferda.engine.recipe_sections import StageRecipe


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


@contextmanager
def uphill(
    module: nn.Module, settings: StageRecipe, seed: int, backward: Callable[..., object]
) -> Iterator[None]:
    """Stand where the loss near by is worst, if the recipe wants it; the next pass has the climb's dropout.

    Args:
        module: What moves.
        settings: Say how far, and on which losses.
        seed: Of both passes.
        backward: Leaves gradients of all losses, or of the one it is told as `only`.
    """
    if settings.sam is None:
        yield
        return
    torch.manual_seed(seed)
    backward(only=None if settings.sam_on == "all" else settings.sam_on)
    with climbed(module, settings.sam):
        torch.manual_seed(seed)
        yield
