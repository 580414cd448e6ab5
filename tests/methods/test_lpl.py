"""LPL: centres of the epoch before, and what they pull."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.methods.lpl import LPL

SMALL = {
    "backbone": "ir_small",
    "backbone_options": {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1},
    "part_width": 8,
}
GENERATOR = torch.Generator().manual_seed(1)
SOURCE = Labelled(
    torch.randn(5, 3, 48, 48, generator=GENERATOR),
    torch.tensor([0, 1, 2, 0, 1]),
    48 * torch.rand(5, 5, 2, generator=GENERATOR),
)


def make(**settings: Any) -> LPL:
    torch.manual_seed(0)
    return LPL(LPL.Config(**(SMALL | settings)), 4).eval()


def features(method: LPL) -> torch.Tensor:
    with torch.no_grad():
        return method(SOURCE.images, SOURCE.landmarks).features.double()


def test_the_first_epoch_has_the_two_heads_alone() -> None:
    method = make()
    method.begin_epoch(None, Progress())
    found = method.losses(DomainBatch((SOURCE,)), Progress())
    answer = method(SOURCE.images, SOURCE.landmarks)
    expected = functional.cross_entropy(answer.logits, SOURCE.labels)
    expected = expected + functional.cross_entropy(answer.views["local"], SOURCE.labels)
    torch.testing.assert_close(found["task"], expected)
    assert found["locality"].item() == 0
    torch.testing.assert_close(
        answer.views["local"],
        method.local_head(answer.features[:, 8:]),
        msg="the local head sees no global part",
    )


def test_later_ones_draw_a_row_to_its_classs_mean_of_the_epoch_before() -> None:
    method = make(locality_weight=0.7)
    method.losses(DomainBatch((SOURCE,)), Progress())
    before = features(method)
    method.begin_epoch(None, Progress(epoch=1))
    with torch.no_grad():
        for weight in method.features.global_output.parameters():
            weight.add_(0.1)  # the network goes on
    found = method.losses(DomainBatch((SOURCE,)), Progress(epoch=1))["locality"]
    expected = 0.0
    for row, label in zip(features(method), SOURCE.labels.tolist(), strict=True):
        mates = [mate for mate, other in zip(before, SOURCE.labels.tolist(), strict=True) if other == label]
        centre = sum(mates) / len(mates)
        expected += float((row - centre).square().mean()) / 5
    assert found.item() == pytest.approx(0.7 * expected, rel=1e-4)
    found.backward()
    assert all(weight.grad is not None for weight in method.features.parameters())
    assert method.head.weight.grad is None


def test_the_benchmarks_program_is_the_weight_zero() -> None:
    method = make(locality_weight=0)
    method.losses(DomainBatch((SOURCE,)), Progress())
    method.begin_epoch(None, Progress(epoch=1))
    losses = method.losses(DomainBatch((SOURCE,)), Progress(epoch=1))
    whole = torch.autograd.grad(sum(losses.values()), method.head.weight, retain_graph=True)[0]
    assert losses["locality"].item() == 0
    assert torch.equal(whole, torch.autograd.grad(losses["task"], method.head.weight)[0])
