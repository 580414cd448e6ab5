"""DAN: both layers through 33 kernels, the formula by loops."""

from __future__ import annotations

from math import exp
from typing import Any

import pytest
import torch
from torch import Tensor

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.mmd import LinearTimeMMDLoss
from ferda.methods.dan import DAN

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}


def make(**settings: Any) -> DAN:
    torch.manual_seed(0)
    return DAN(DAN.Config(**(SMALL | settings)), 3).eval()


def batch(shift: float = 1.0) -> DomainBatch:
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    return DomainBatch((Labelled(images, torch.arange(5) % 3),), Unlabelled(images[[3, 0, 4, 1, 2]] * shift))


def by_loops(source: Tensor, target: Tensor) -> float:
    rows, n = torch.cat([source, target]).detach().double(), len(source)
    many = len(rows)
    distances = [[float((a - b).square().sum()) for b in rows] for a in rows]
    middle = sum(map(sum, distances)) / (many**2 - many)
    # from 2^-8 to 2^8 of the middle width, in steps of the root of two
    widths = [middle * 2 ** (step / 2) for step in range(-16, 17)]
    total = 0.0
    for i in range(many):
        for j in range(many):
            kernel = sum(exp(-distances[i][j] / width) for width in widths) / 33
            signs = (1 / n if i < n else -1 / (many - n)) * (1 / n if j < n else -1 / (many - n))
            total += signs * kernel
    return total


def test_the_loss_is_the_papers_of_features_and_logits() -> None:
    method, given = make(mmd_weight=0.7), batch(shift=0.3)
    found = method.losses(given, Progress())
    source, target = method.together(given)
    expected = by_loops(source.features, target.features) + by_loops(source.logits, target.logits)
    assert found["mmd"].item() == pytest.approx(0.7 * expected, rel=1e-4)
    assert found["task"].item() == pytest.approx(
        torch.nn.functional.cross_entropy(source.logits, given.pooled.labels).item()
    )


def test_the_same_faces_in_both_domains_are_at_no_distance() -> None:
    method = make()
    assert method.losses(batch(), Progress())["mmd"].item() == pytest.approx(0, abs=1e-6)
    assert method.losses(batch(0.3), Progress())["mmd"].item() > 1e-3


def test_the_discrepancy_teaches_backbone_and_head() -> None:
    method = make()
    method.losses(batch(0.3), Progress())["mmd"].backward()
    assert method.network.head.weight.grad.any()
    assert all(weight.grad.any() for weight in method.network.backbone.parameters() if weight.ndim > 1)


def test_neighbours_instead_of_all_pairs_and_the_librarys_kernels() -> None:
    method, given = make(estimate="linear_time", kernels=5, factor=2, mmd_weight=5), batch(0.3)
    source, target = method.together(given)
    loss = LinearTimeMMDLoss()
    expected = loss(source.features, target.features) + loss(source.logits, target.logits)
    torch.testing.assert_close(method.losses(given, Progress())["mmd"], expected)
