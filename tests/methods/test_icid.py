"""ICID: three losses of two parts, by hand."""

from __future__ import annotations

from math import exp, log
from typing import Any

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.methods.icid import ICID

SMALL = {
    "backbone": "ir_small",
    "backbone_options": {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1},
    "part_width": 8,
    "width": 6,
}
GENERATOR = torch.Generator().manual_seed(1)
LABELS = [0, 1, 1, 2, 0]
SOURCE = Labelled(
    torch.randn(5, 3, 48, 48, generator=GENERATOR),
    torch.tensor(LABELS),
    48 * torch.rand(5, 5, 2, generator=GENERATOR),
)


def make(**settings: Any) -> ICID:
    torch.manual_seed(0)
    return ICID(ICID.Config(**(SMALL | settings)), 4).eval()


def test_the_losses_are_those_of_the_benchmark() -> None:
    method = make(pair_weight=0.5, distinction_weight=0.25)
    found = method.losses(DomainBatch((SOURCE,)), Progress())
    wide = method.double()
    with torch.no_grad():
        f = wide.features(SOURCE.images.double(), SOURCE.landmarks.double()).flatten(1)
        u, v = ((f @ part.weight.T + part.bias) for part in (wide.common, wide.distinct))
        z = (u + v) / 2
        for layer in (wide.fusion[0], wide.fusion[2], wide.fusion[4]):
            z = z @ layer.weight.T + layer.bias
        told = v @ wide.distinct_head.weight.T + wide.distinct_head.bias
        expected = {"task": 0.0, "distinction": 0.0, "pairs": 0.0}
        for i, label in enumerate(LABELS):
            expected["task"] -= float(z[i].log_softmax(0)[label]) / 5
            expected["distinction"] -= 0.25 * float(told[i].log_softmax(0)[label]) / 5
            mate = (i + 1) % 5
            score = float(torch.cat([u[i], u[mate]]) @ wide.pair_head.weight[0] + wide.pair_head.bias)
            alike = label == LABELS[mate]
            expected["pairs"] += 0.5 * log(1 + exp(-score if alike else score)) / 5
    assert {name: float(loss.detach()) for name, loss in found.items()} == pytest.approx(expected, rel=1e-4)


def test_each_part_learns_from_what_it_is_for() -> None:
    method = make()
    losses = method.losses(DomainBatch((SOURCE,)), Progress())
    parts = [method.common.weight, method.distinct.weight]
    reached = {}
    for name, loss in losses.items():
        slopes = torch.autograd.grad(loss, parts, retain_graph=True, allow_unused=True)
        reached[name] = [slope is not None and bool(slope.any()) for slope in slopes]
    assert reached == {"task": [True, True], "distinction": [False, True], "pairs": [True, False]}


def test_the_fusion_decides() -> None:
    method = make()
    answer = method(SOURCE.images, SOURCE.landmarks)
    again = method.fusion((method.common(answer.features) + method.distinct(answer.features)) / 2)
    torch.testing.assert_close(answer.logits, again)
    assert answer.views["distinct"].shape == (5, 4)
