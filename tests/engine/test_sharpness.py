"""Sharpness-aware minimisation: where the second gradient is taken, and that training uses it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.sharpness import climbed

Make = Callable[..., dict]


def test_the_second_gradient_is_taken_uphill_and_the_weights_come_back() -> None:
    torch.manual_seed(0)
    module = nn.Linear(4, 3).double()
    idle = nn.Parameter(torch.ones(2, dtype=torch.float64))
    module.register_parameter("idle", idle)
    x, y = torch.randn(8, 4).double(), torch.randn(8, 3).double()

    def loss() -> torch.Tensor:
        return ((x @ module.weight.T + module.bias - y) ** 4).mean()

    before = [weight.detach().clone() for weight in module.parameters()]
    loss().backward()
    gradients = [weight.grad.clone() for weight in (module.weight, module.bias)]
    length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    with climbed(module, 0.05):
        assert all(weight.grad is None for weight in module.parameters())
        uphill = [module.weight.detach().clone(), module.bias.detach().clone()]
        loss().backward()
    for at, (weight, gradient) in enumerate(zip(uphill, gradients, strict=True)):
        start = before[[name for name, _ in module.named_parameters()].index(("weight", "bias")[at])]
        assert torch.allclose(weight, start + 0.05 * gradient / length, atol=1e-12)
    assert all(torch.equal(a, b) for a, b in zip(before, module.parameters(), strict=True))
    assert module.weight.grad is not None and not torch.allclose(module.weight.grad, gradients[0])


def test_no_gradient_at_all_moves_nothing() -> None:
    module = nn.Linear(2, 2)
    (module(torch.zeros(1, 2)) * 0).sum().backward()
    before = module.weight.detach().clone()
    with climbed(module, 1.0):
        assert torch.equal(module.weight, before)


@pytest.mark.parametrize("radius", [None, 0.05])
def test_a_run_trains_with_it(raw_recipe: Make, world: Path, tmp_path: Path, radius: float | None) -> None:
    raw = raw_recipe(world, method="source_only", epochs=1, epoch_steps=3, sam=radius)
    first = fit(parse_recipe(raw), tmp_path / "first", show=False).load().method
    raw["training"]["sam"] = 1e-12
    second = fit(parse_recipe(raw), tmp_path / "second", show=False).load().method
    far = max(
        (a - b).abs().max().item() for a, b in zip(first.parameters(), second.parameters(), strict=True)
    )
    # a radius of nearly nothing is plain descent; batch norm's running statistics are no parameters
    assert far < 1e-4 if radius is None else far > 1e-4
