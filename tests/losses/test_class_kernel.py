from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from ferda.losses.class_kernel import ConditionalMMDLoss, ReweightedMMDLoss, pair_kernel

SOURCE_LABELS = [0, 0, 1, 1, 1, 2]
TARGET_LABELS = [1, 1, 0, 0, 2]
FORMS = [{}, {"shape": "laplacian", "width": 0.7}, {"is_halved": True}]


def rows() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(6, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64) + 0.5


def k(x: Tensor, y: Tensor, shape: str = "gaussian", width: float = 1.0, is_halved: bool = False) -> float:
    del is_halved
    distance = math.dist(x.tolist(), y.tolist())
    return math.exp(-(distance**2 if shape == "gaussian" else distance) / (2 * width**2))


@pytest.mark.parametrize("form", FORMS)
def test_reweighted_value_equals_the_sums(form: dict[str, Any]) -> None:
    source, target = rows()
    a = torch.rand(6, dtype=torch.float64) * 3
    half = 0.5 if form.get("is_halved") else 1.0
    expected = 0.0
    for i, j in itertools.permutations(range(6), 2):
        expected += half * float(a[i] * a[j]) * k(source[i], source[j], **form) / 30
    for i, j in itertools.permutations(range(5), 2):
        expected += half * k(target[i], target[j], **form) / 20
    for i, j in itertools.product(range(6), range(5)):
        expected -= 2 * float(a[i]) * k(source[i], target[j], **form) / 30
    found = ReweightedMMDLoss(**form)(source, target, a).item()
    # the Laplacian's root is taken a little beside 0
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("is_repelling", [False, True])
def test_conditional_value_equals_the_sums(form: dict[str, Any], is_repelling: bool) -> None:
    source, target = rows()
    half = 0.5 if form.get("is_halved") else 1.0
    expected = 0.0
    for label in (0, 1):  # of class 2 each domain has one row: no pairs
        of_s = source[[i for i, own in enumerate(SOURCE_LABELS) if own == label]]
        of_t = target[[i for i, own in enumerate(TARGET_LABELS) if own == label]]
        for cloud in (of_s, of_t):
            pairs = [k(x, y, **form) for x, y in itertools.permutations(cloud, 2)]
            expected += half * sum(pairs) / len(pairs)
        between = [k(x, y, **form) for x, y in itertools.product(of_s, of_t)]
        expected += (2 if is_repelling else -2) * sum(between) / len(between)
    loss = ConditionalMMDLoss(**form, is_repelling=is_repelling)
    labels = torch.tensor(SOURCE_LABELS), torch.tensor(TARGET_LABELS)
    found = loss(source, target, *labels, classes=4)
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_without_a_width_the_mean_distance_is_the_measure() -> None:
    source, _ = rows()
    squares = [math.dist(x.tolist(), y.tolist()) ** 2 for x, y in itertools.permutations(source, 2)]
    mean = sum(squares) / len(squares)
    torch.testing.assert_close(
        pair_kernel(source, width="mean"), pair_kernel(source, width=(mean / 2) ** 0.5)
    )
    torch.testing.assert_close(pair_kernel(9 * source, width="mean"), pair_kernel(source, width="mean"))


@pytest.mark.parametrize("shape", ["gaussian", "laplacian"])
def test_equal_rows_and_single_rows_are_finite_and_draw_on(shape: str) -> None:
    source, target = torch.ones(4, 3, requires_grad=True), torch.zeros(1, 3, requires_grad=True)
    loss = ReweightedMMDLoss(shape)(source, target, torch.ones(4))
    loss = loss + ConditionalMMDLoss(shape)(source, source.flip(0), torch.arange(4), torch.arange(4), 4)
    loss.backward()
    assert loss.isfinite()
    assert source.grad is not None and source.grad.isfinite().all() and source.grad.any()
    # downhill is towards the other domain
    assert (source.grad > 0).all() and (target.grad < 0).all()


def test_half_precision_is_computed_in_float32() -> None:
    source, target = (cloud.bfloat16() for cloud in rows())
    found = ReweightedMMDLoss()(source, target, torch.ones(6))
    assert found.dtype == torch.float32 and found.isfinite()
