from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from ferda.losses.affect import AffectLoss

NAN = float("nan")


def by_formula(said: torch.Tensor, true: torch.Tensor) -> float:
    total = 0.0
    for branch in said.tolist():
        for d in range(2):
            errors = [(p[d] - t[d]) ** 2 for p, t in zip(branch, true.tolist(), strict=True) if t[d] == t[d]]
            total += math.sqrt(sum(errors) / len(errors) + 1e-12) if errors else 0.0
    return total


@pytest.mark.parametrize(
    "unknown", [(), ((0, 0),), ((0, 0), (1, 0), (3, 1)), ((0, 1), (1, 1), (2, 1), (3, 1))]
)
def test_value_equals_the_formula(unknown: tuple[tuple[int, int], ...]) -> None:
    torch.manual_seed(0)
    said = torch.randn(3, 4, 2, dtype=torch.float64).requires_grad_()
    true = torch.rand(4, 2, dtype=torch.float64)
    for row, d in unknown:
        true[row, d] = NAN
    loss = AffectLoss()(said, true)
    loss.backward()
    assert loss.item() == pytest.approx(by_formula(said, true), rel=1e-10)
    assert said.grad is not None and said.grad.isfinite().all()
    assert torch.equal(said.grad[0] == 0, true.isnan())


def test_nothing_known_costs_nothing() -> None:
    said = torch.randn(2, 1, 2).requires_grad_()
    loss = AffectLoss()(said, torch.full((1, 2), NAN))
    loss.backward()
    assert loss.item() == 0 and said.grad is not None and not said.grad.any()


def test_a_perfect_answer_has_a_finite_gradient() -> None:
    said = torch.rand(2, 3, 2)
    leaf = said.clone().requires_grad_()
    loss = AffectLoss()(leaf, said[0])
    AffectLoss()(leaf[:1], said[0]).backward()
    assert leaf.grad is not None and not leaf.grad.any()
    assert loss.item() > AffectLoss()(said[:1], said[0]).item() == pytest.approx(2e-6)


def test_order_does_not_matter_and_bfloat16_is_finite() -> None:
    torch.manual_seed(0)
    said, true = torch.randn(2, 7, 2), torch.rand(7, 2)
    loss = AffectLoss()
    assert_close(loss(said, true), loss(said.flip(1), true.flip(0)))
    half = loss(said.bfloat16(), true)
    assert half.dtype == torch.float32 and half.isfinite()
