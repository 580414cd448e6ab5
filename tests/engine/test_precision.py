"""Precision: `auto` asks the processor and then the network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ferda.batch import Output
from ferda.engine.domains import open_run_domains
from ferda.engine.fit import fit
from ferda.engine.formats import Format
from ferda.engine.precision import DEPTHWISE_LIMIT, depthwise_share, fabric_plugins, spare_depthwise
from ferda.engine.recipe import load_recipe, parse_recipe
from ferda.engine.scoring import Scorer, answers
from ferda.methods import method_class
from ferda.methods.base import Method, MethodConfig


class Stack(Method):
    """A convolution of 4 x 4, a depthwise one of 3 x 3, a grouped one and a linear layer, by hand."""

    def __init__(self, depthwise: bool = True) -> None:
        super().__init__(MethodConfig(), classes=3)
        self.first = nn.Conv2d(3, 8, 4, stride=4)
        self.second = nn.Conv2d(8, 8, 3, padding=1, groups=8 if depthwise else 4)
        self.third = nn.Conv2d(8, 8, 1, groups=2)
        self.head = nn.Linear(8, 3)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        assert not self.training
        features = self.third(self.second(self.first(images))).mean((2, 3))
        return Output(self.head(features), features)


def test_multiplications_are_counted_layer_by_layer() -> None:
    # maps of 4 x 4: 16 places, 8 channels, and so many weights for each value
    dense = 16 * 8 * 3 * 16 + 16 * 8 * 4 + 3 * 8
    depthwise = 16 * 8 * 9
    method = Stack()
    assert depthwise_share(method, 16) == pytest.approx(depthwise / (dense + depthwise))
    assert depthwise_share(Stack(depthwise=False), 16) == 0
    assert method.training
    assert not any(layer._forward_hooks for layer in method.modules())


def formats(method: Method, size: int, wanted: Format = "bf16") -> list[torch.dtype]:
    fabric = Fabric(accelerator="cpu", devices=1, plugins=fabric_plugins(wanted, "cpu"))
    found = []
    for is_asked in (False, True):
        if is_asked:
            spare_depthwise(fabric, method, size)
        with fabric.autocast():
            found.append((torch.ones(2, 2) @ torch.ones(2, 2)).dtype)
    return found


def test_a_mobile_network_goes_back_to_float32_on_a_cpu() -> None:
    assert formats(Stack(), 16) == [torch.bfloat16, torch.float32]
    assert formats(Stack(depthwise=False), 16) == [torch.bfloat16, torch.bfloat16]
    assert formats(Stack(), 16, "fp32") == [torch.float32, torch.float32]


@pytest.mark.parametrize(("recipe", "is_mobile"), [("osa", True), ("ddamfn", True), ("dann", False)])
def test_which_recipes_are_mobile(recipe: str, is_mobile: bool) -> None:
    made = load_recipe(recipe)
    method = method_class(made.method.name)(made.method.config(), len(made.data.classes))
    assert made.data.size is not None
    assert (depthwise_share(method, made.data.size) >= DEPTHWISE_LIMIT) is is_mobile


def test_only_auto_asks_the_network(
    raw_recipe: Callable[..., Any], world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    monkeypatch.setattr("ferda.engine.fit.spare_depthwise", lambda fabric, method, size: asked.append(size))
    for wanted in ("auto", "bf16"):
        raw = raw_recipe(world, "source_only", epochs=1, epoch_steps=1, precision=wanted, select="last")
        fit(parse_recipe(raw), tmp_path / wanted, show=False)
    assert asked == [32]


def test_scores_follow_the_training_and_what_is_written_is_exact(
    raw_recipe: Callable[..., Any], world: Path, tmp_path: Path
) -> None:
    raw = raw_recipe(world, epochs=1, precision="bf16")
    run = fit(parse_recipe(raw), tmp_path / "run", show=False)
    method, cpu = run.load().method, torch.device("cpu")
    domains = open_run_domains(run.recipe.data, method.needs, lambda line: None)
    shown = domains.preprocessing
    scorer = Scorer(domains.holdouts, domains.target, None, shown, limit=2000)
    exact = scorer.score(scorer.outputs(method, cpu))
    with torch.autocast("cpu", torch.bfloat16):
        short = scorer.score(scorer.outputs(method, cpu))
    kept = run.scores.iloc[0]
    assert kept["entropy"] == short["entropy"] != exact["entropy"]
    assert kept["entropy"] == pytest.approx(exact["entropy"], abs=0.02)
    with np.load(run.folder / "outputs" / "adapt_001.npz") as recorded:
        assert domains.watch is not None
        said = answers(method, domains.watch, None, shown, cpu).probabilities
        np.testing.assert_allclose(recorded["probabilities"], said, atol=1e-6)
