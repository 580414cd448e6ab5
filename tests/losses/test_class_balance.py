from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.class_balance import ClassBalanceLoss


def test_value_equals_the_formula() -> None:
    torch.manual_seed(0)
    logits = 2 * torch.randn(5, 3, dtype=torch.float64)
    mean = [sum(row[c] for row in logits.softmax(1).tolist()) / 5 for c in range(3)]
    expected = -sum(math.log(share + 1e-6) for share in mean) / 3
    assert ClassBalanceLoss()(logits).item() == pytest.approx(expected, rel=1e-12)


def test_it_is_least_where_all_classes_have_equal_shares_and_finite_where_one_has_none() -> None:
    assert ClassBalanceLoss()(50 * torch.eye(4)).item() == pytest.approx(math.log(4), abs=1e-5)
    logits = torch.tensor([[900.0, 0.0]]).repeat(3, 1).bfloat16().requires_grad_()
    loss = ClassBalanceLoss()(logits)
    loss.backward()
    assert loss.dtype == torch.float32 and math.log(2) < loss.item() < 10
    assert logits.grad is not None and logits.grad.isfinite().all()
