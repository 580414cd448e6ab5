"""Sharpness-aware minimisation: where the second gradient is taken, and that training uses it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.func import functional_call

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled, Update
from ferda.engine.finite import FiniteWatch
from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.recipe_sections import StageRecipe
from ferda.engine.session import Session, _Step
from ferda.engine.sharpness import climbed
from ferda.layers.grl import reverse_gradient
from ferda.methods.base import Method, MethodConfig

Make = Callable[..., dict]
RATE, RADIUS, SEED = 0.1, 0.5, 3


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


class Adversarial(Method):
    """A task, and a critic behind a reversal; with `parted` in two updates, of which one has no task."""

    def __init__(self, parted: bool = False) -> None:
        super().__init__(MethodConfig(), 3)
        self.body, self.head, self.critic = nn.Linear(3, 6), nn.Linear(6, 3), nn.Linear(6, 1)
        self.dropout = nn.Dropout(0.3)
        self.parted = parted

    def updates(self, stage: str) -> Sequence[Update]:
        return (Update("task"), Update("domain", ("body", "critic"))) if self.parted else (Update(),)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        assert batch.target is not None
        source, target = (
            self.dropout(self.body(rows.images.mean((2, 3)))).tanh() for rows in (batch.pooled, batch.target)
        )
        told = [self.critic(reverse_gradient(rows)) for rows in (source, target)]
        losses = {
            "task": nn.functional.cross_entropy(self.head(source), batch.pooled.labels),
            "domain": nn.functional.softplus(-told[0]).mean() + nn.functional.softplus(told[1]).mean(),
        }
        return {progress.update: losses[progress.update]} if self.parted else losses


def rows(count: int) -> Tensor:
    return torch.randn(count, 3, 4, 4, dtype=torch.float64)


def stepped(method: Method, batch: DomainBatch, steps: int, **settings: Any) -> dict[str, Tensor]:
    """The weights after some steps of the engine."""
    session = Session.__new__(Session)
    session.fabric = cast(Any, SimpleNamespace(global_rank=0, backward=lambda loss: loss.backward()))
    session.method, session.average = method.double(), None
    module, optimiser = _Step(method), torch.optim.SGD(method.parameters(), RATE)
    stage = SimpleNamespace(
        settings=StageRecipe(**settings),
        updates=method.updates("adapt"),
        progress=Progress(),
        step=0,
        step_seed=lambda rank: SEED,
    )
    for _ in range(steps):
        session._step(cast(Any, stage), module, optimiser, batch, FiniteWatch(torch.device("cpu")))
    return {name: weight.detach().clone() for name, weight in method.named_parameters()}


def slope(method: Method, batch: DomainBatch, at: dict[str, Tensor], names: tuple[str, ...]) -> list[Tensor]:
    """The gradient of some losses at some weights."""
    torch.manual_seed(SEED)
    at = {name: weight.clone().requires_grad_() for name, weight in at.items()}
    losses = functional_call(_Step(method), {f"method.{k}": w for k, w in at.items()}, (batch, Progress()))
    found = torch.autograd.grad(sum(losses[name] for name in names), [*at.values()], allow_unused=True)
    return [torch.zeros_like(w) if g is None else g for g, w in zip(found, at.values(), strict=True)]


@pytest.mark.parametrize(("sam_on", "climbs"), [("task", ("task",)), ("all", ("task", "domain"))])
def test_steps_equal_a_second_implementation(sam_on: str, climbs: tuple[str, ...]) -> None:
    torch.manual_seed(0)
    method, batch = (
        Adversarial().double(),
        DomainBatch((Labelled(rows(6), torch.arange(6) % 3),), Unlabelled(rows(4))),
    )
    weights = {name: weight.detach().clone() for name, weight in method.named_parameters()}
    for _ in range(3):
        first = slope(method, batch, weights, climbs)
        length = sum(float((g * g).sum()) for g in first) ** 0.5
        there = {k: w + RADIUS * g / length for (k, w), g in zip(weights.items(), first, strict=True)}
        second = slope(method, batch, there, ("task", "domain"))
        weights = {k: w - RATE * g for (k, w), g in zip(weights.items(), second, strict=True)}
    found = stepped(method, batch, 3, sam=RADIUS, sam_on=sam_on)
    for name, expected in weights.items():
        # the engine takes the length of the gradient in float32
        torch.testing.assert_close(found[name], expected, rtol=1e-6, atol=1e-8)


def test_an_update_without_the_task_does_not_climb() -> None:
    torch.manual_seed(0)
    first, batch = (
        Adversarial(parted=True),
        DomainBatch((Labelled(rows(6), torch.arange(6) % 3),), Unlabelled(rows(4))),
    )
    second = Adversarial(parted=True)
    second.load_state_dict(first.state_dict())
    first.dropout.p = second.dropout.p = 0
    first.updates = second.updates = lambda stage: (Update("domain", ("body", "critic")),)  # type: ignore[method-assign]
    plain, smooth = stepped(first, batch, 2), stepped(second, batch, 2, sam=RADIUS, sam_on="task")
    assert all(torch.equal(plain[name], smooth[name]) for name in plain)


def test_a_smooth_run_is_resumed_to_the_same_bits(
    raw_recipe: Make, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = parse_recipe(
        raw_recipe(world, epochs=1, epoch_steps=4, save_every=1, sam=0.02, sam_on="task", select="last")
    )
    whole = fit(recipe, tmp_path / "whole", show=False)
    original, taken = Session._step, 0

    def stops(self: Session, *given: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise InterruptedError
        return original(self, *given)

    monkeypatch.setattr(Session, "_step", stops)
    with pytest.raises(InterruptedError):
        fit(recipe, tmp_path / "broken", show=False)
    fit(recipe, tmp_path / "broken", resume=True, show=False)
    one, two = (load_file(folder / "best.safetensors") for folder in (whole.folder, tmp_path / "broken"))
    assert all(torch.equal(one[name], two[name]) for name in one)


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
