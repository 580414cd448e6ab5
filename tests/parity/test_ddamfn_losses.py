"""DDAMFN's loss, layers, optimiser and sampling give the numbers of the authors' program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from ferda.backbones.mixed_feature_net import Kernels, MixedUnit
from ferda.backbones.upstream_ddamfn import method_names
from ferda.batch import Progress
from ferda.data.stream import Stream
from ferda.engine.schedules import Schedule
from ferda.engine.sharpness import climbed
from ferda.layers.coordinate_attention import CoordinateAttention, DirectionAttention
from ferda.losses.attention_diversity import AttentionDiversityLoss

SYSTEM = "ddamfn"

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "att[1234]_*": "test_attention_diversity",
    "att_equal_value": "test_attention_diversity",
    "bc[ab]_*": "test_module",
    "hca_*": "test_module",
    "mdw_*": "test_module",
    "sam_*": "test_sharpness_aware_adam",
    "bal_*": "test_class_balanced_sampling",
}


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_attention_diversity(case: Any, count: int) -> None:
    heads = case.losses[f"att{count}_heads"].clone().requires_grad_()
    loss = AttentionDiversityLoss()(heads.unbind(0))
    assert_close(loss, case.losses[f"att{count}_value"], rtol=1e-5, atol=0)
    if count == 1:
        assert not loss.requires_grad
        return
    loss.backward()
    assert_close(heads.grad, case.losses[f"att{count}_grad"], rtol=1e-4, atol=1e-5)
    equal = AttentionDiversityLoss()([heads[0], heads[0]])
    assert_close(equal.double(), case.losses["att_equal_value"], rtol=1e-6, atol=0)


#: Our module; the authors' name of one in such a place of their network; our name of that place.
UNIT, HEAD = ("features.2.", "trunk.backbone.stages.0.0."), ("cat_head0.CoordAtt.", "heads.0.")
MODULES: dict[str, tuple[Callable[[], nn.Module], str, str]] = {
    "bca": (lambda: CoordinateAttention(32), UNIT[0] + "CA.", UNIT[1] + "attention."),
    "bcb": (lambda: CoordinateAttention(512), UNIT[0] + "CA.", UNIT[1] + "attention."),
    "hca": (lambda: DirectionAttention(64, 7), *HEAD),
    # 12, 10 and 10 of 32 channels: equal parts, and what is left goes to the first
    "mdw": (lambda: MixedUnit(16, 16, Kernels((3, 5, 7), (1, 1, 1))), *UNIT),
}


def filled(case: Any, name: str) -> nn.Module:
    make, theirs, ours = MODULES[name]
    special = {
        r"prelu\.weight$": lambda generator, shape: generator.uniform(0.05, 0.45, shape),
        r"project\.bn\.weight$": lambda generator, shape: generator.uniform(0.4, 0.7, shape),
    }
    state = case.weights(case.manifest["modules"][name]["state_dict"], special)
    whole = {theirs + key.removeprefix(f"{name}."): value for key, value in state.items()}
    whole |= {"fc.weight": torch.zeros(0), "features.0.bn.bias": torch.zeros(0)}
    named = method_names(whole)
    module = make().eval()
    wanted = module.state_dict()
    module.load_state_dict({key: named[ours + key] for key in wanted})
    return module


@pytest.mark.parametrize("name", MODULES)
def test_module(case: Any, name: str) -> None:
    given = case.losses
    x = given[f"{name}_x"].clone().requires_grad_()
    found: Tensor = filled(case, name)(x)
    (found * given[f"{name}_cot"]).sum().backward()
    assert_close(found, given[f"{name}_out"], rtol=1e-4, atol=1e-5)
    assert_close(x.grad, given[f"{name}_gx"], rtol=1e-4, atol=1e-5)


def test_sharpness_aware_adam(case: Any) -> None:
    """Four steps an epoch on a quadratic bowl, the rate falling by a tenth after each epoch."""
    given = case.losses
    bowl = nn.Module()
    bowl.weight = nn.Parameter(given["sam_w0"].clone())
    optimiser = torch.optim.Adam(bowl.parameters(), lr=5e-4)
    schedule = Schedule(kind="decay", every=1, by=0.9)

    def backward() -> None:
        w = bowl.weight
        (0.5 * w @ given["sam_A"] @ w + given["sam_b"] @ w).backward()

    for step, expected in enumerate(given["sam_w"]):
        rate = 5e-4 * schedule.factor(Progress(step=step, steps=12, epoch=step // 4, epochs=3))
        assert rate == pytest.approx(given["sam_lr"][step // 4].item(), rel=1e-12)
        optimiser.param_groups[0]["lr"] = rate
        backward()
        with climbed(bowl, 0.05):
            backward()
        optimiser.step()
        optimiser.zero_grad()
        assert_close(bowl.weight.detach(), expected, rtol=1e-6, atol=1e-7)


def test_class_balanced_sampling(case: Any) -> None:
    """The authors draw with these weights; ours visits rows as often as that, without chance."""
    labels, weights = case.losses["bal_labels"].numpy(), case.losses["bal_weights"].numpy()
    groups = np.bincount(labels)
    rounds = np.lcm.reduce(groups[groups > 0])
    places = int(rounds * (groups > 0).sum())
    stream = Stream(labels, places, seed=0, balance="class_balanced")
    visits = np.bincount(stream.rows(0), minlength=len(labels))
    np.testing.assert_allclose(visits / places, weights / weights.sum())


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
