from __future__ import annotations

from itertools import combinations

import pytest
import torch

from ferda.losses.discrepancy import HeadDiscrepancyLoss


def test_value_equals_the_pairs() -> None:
    torch.manual_seed(0)
    logits = torch.randn(4, 5, 3, dtype=torch.float64)
    p = logits.softmax(2)
    pairs = {(j, k): (p[j] - p[k]).abs().mean() for j, k in combinations(range(4), 2)}
    torch.testing.assert_close(HeadDiscrepancyLoss()(logits), sum(pairs.values()) / 6)
    with_one = sum(value for pair, value in pairs.items() if 1 in pair) / 3
    torch.testing.assert_close(HeadDiscrepancyLoss()(logits, 1), with_one)


def test_heads_that_agree_and_a_head_alone_have_none() -> None:
    logits = torch.randn(1, 5, 3)
    assert HeadDiscrepancyLoss()(logits.expand(3, 5, 3) + torch.randn(3, 5, 1)).item() == pytest.approx(
        0, abs=1e-6
    )
    assert HeadDiscrepancyLoss()(logits).item() == 0 == HeadDiscrepancyLoss()(logits, 0).item()


def test_half_precision_and_one_row_are_finite_and_all_heads_learn() -> None:
    logits = torch.randn(3, 1, 4).bfloat16().requires_grad_()
    loss = HeadDiscrepancyLoss()(logits, 2)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert logits.grad is not None and logits.grad.any(2).all()
