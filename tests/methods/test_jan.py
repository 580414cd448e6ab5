"""JAN: the product of two kernels, and a weight that rises."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods.jan import JAN

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
HALF = Progress(step=5, steps=10)


def make(**settings: Any) -> JAN:
    torch.manual_seed(0)
    return JAN(JAN.Config(**(SMALL | settings)), 3).eval()


def batch(shift: float = 0.3) -> DomainBatch:
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return DomainBatch((Labelled(images, torch.arange(5) % 3),), Unlabelled(images[[3, 0, 4, 1]] * shift))


def discrepancy(method: JAN, given: DomainBatch, answers_width: float | None = None) -> float:
    with torch.no_grad():
        source, target = method.together(given)
    n, m = len(source.logits), len(target.logits)
    features = torch.cat([source.features, target.features]).double()
    answers = torch.cat([source.logits, target.logits]).double().softmax(1)
    d_f, d_p = ((rows[:, None] - rows).square().sum(2) for rows in (features, answers))
    pairs = (n + m) ** 2 - n - m
    b_f, b_p = float(d_f.sum()) / pairs, answers_width or float(d_p.sum()) / pairs
    weights = [1 / n] * n + [-1 / m] * m
    return sum(
        weights[i] * weights[j] * exp(-float(d_f[i, j]) / b_f) * exp(-float(d_p[i, j]) / b_p)
        for i in range(n + m)
        for j in range(n + m)
    )


@pytest.mark.parametrize("width", [None, 1.68])
def test_the_loss_is_the_papers(width: float | None) -> None:
    method, given = make(mmd_weight=0.7, probability_width=width), batch()
    rise = 2 / (1 + exp(-10 * 0.5)) - 1
    expected = 0.7 * rise * discrepancy(method, given, width)
    assert method.losses(given, HALF)["joint_mmd"].item() == pytest.approx(expected, rel=1e-4)


def test_it_begins_with_nothing_unless_told_otherwise() -> None:
    given = batch()
    assert make().losses(given, Progress(steps=10))["joint_mmd"].item() == 0
    method = make(constant_tradeoff=0.5)
    found = method.losses(given, Progress(steps=10))["joint_mmd"].item()
    assert found == pytest.approx(0.5 * discrepancy(method, given), rel=1e-4)


def test_the_same_faces_in_both_domains_are_at_no_distance() -> None:
    images = batch().pooled.images
    given = DomainBatch((Labelled(images, torch.arange(5) % 3),), Unlabelled(images.flip(0)))
    assert make().losses(given, HALF)["joint_mmd"].item() == pytest.approx(0, abs=1e-6)


def test_the_discrepancy_teaches_the_head_through_its_probabilities() -> None:
    method = make(feature_kernels=5)
    method.losses(batch(), HALF)["joint_mmd"].backward()
    assert method.network.head.weight.grad.any()
    assert all(weight.grad.any() for weight in method.network.backbone.parameters() if weight.ndim > 1)
