"""The linear probe: one layer moves, and nothing else, batch norm's memory included."""

from __future__ import annotations

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.errors import UserError
from ferda.methods import create_method
from ferda.methods.linear_probe import LinearProbe

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
SHOWN = torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))
BATCH = DomainBatch((Labelled(SHOWN, torch.arange(6) % 3),))


def make() -> LinearProbe:
    torch.manual_seed(0)
    return LinearProbe(LinearProbe.Config(**SMALL), 3)


def test_training_moves_the_head_alone() -> None:
    method = make()
    before = {name: value.clone() for name, value in method.state_dict().items()}
    moving = [weight for weight in method.parameters() if weight.requires_grad]
    assert {id(weight) for weight in moving} == {id(weight) for weight in method.network.head.parameters()}
    optimiser = torch.optim.SGD(moving, 0.1)
    for _ in range(3):
        method.train()
        optimiser.zero_grad()
        method.losses(BATCH, Progress())["task"].backward()
        optimiser.step()
    moved = {name for name, value in method.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {
        "network.head.weight",
        "network.head.bias",
        "network.bottleneck.running_mean",
        "network.bottleneck.running_var",
        "network.bottleneck.num_batches_tracked",
    }


def test_in_training_features_are_standardised_over_the_batch() -> None:
    method = make().train()
    features = method(SHOWN).features
    with torch.no_grad():
        plain = method.network.backbone(SHOWN)
    expected = (plain - plain.mean(0)) / (plain.var(0, unbiased=False) + 1e-5).sqrt()
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5)
    assert not features.requires_grad


@pytest.mark.parametrize("setting", [{"backbone_rate": 0.1}, {"bottleneck": 8}])
def test_nothing_else_can_be_told_to_learn(setting: dict[str, float]) -> None:
    with pytest.raises(UserError, match="only the head of a linear probe learns"):
        create_method("linear_probe", classes=3, **SMALL, **setting)
