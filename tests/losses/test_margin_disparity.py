from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.margin_disparity import MarginDisparityLoss


def test_value_equals_the_formula_for_unequal_sizes() -> None:
    torch.manual_seed(0)
    answers, doubts = 2 * torch.randn(2, 8, 4, dtype=torch.float64)
    expected = 0.0
    for row in range(8):
        p = [math.exp(value) for value in doubts[row].tolist()]
        share = p[int(answers[row].argmax())] / sum(p)
        expected += -3 * math.log(share) / 5 if row < 5 else -math.log(1 - share) / 3
    found = MarginDisparityLoss(gamma=3)((answers[:5], doubts[:5]), (answers[5:], doubts[5:]))
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_it_is_least_where_the_adversary_agrees_on_the_source_and_not_on_the_target() -> None:
    answers = 9 * torch.eye(3)
    agreed, otherwise = 30 * torch.eye(3), 30 * torch.eye(3).roll(1, 0)
    loss = MarginDisparityLoss()
    assert loss((answers, agreed), (answers, otherwise)).item() == pytest.approx(0, abs=1e-6)
    assert loss((answers, otherwise), (answers, otherwise)).item() == pytest.approx(4 * 30, abs=1e-3)
    assert loss((answers, agreed), (answers, agreed)).item() == pytest.approx(30 - math.log(2), abs=1e-3)


def test_the_adversary_alone_learns_and_certainty_stays_finite() -> None:
    answers = torch.tensor([[5.0, 0.0]]).requires_grad_()
    doubts = torch.tensor([[1e4, -1e4]]).requires_grad_()
    loss = MarginDisparityLoss()((answers, doubts), (answers, doubts))
    loss.backward()
    assert loss.isfinite() and answers.grad is None
    assert doubts.grad is not None and doubts.grad.isfinite().all() and doubts.grad.any()
