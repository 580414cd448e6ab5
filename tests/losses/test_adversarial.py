from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from ferda.losses.adversarial import DomainAdversarialLoss, DomainCritic


class Sum(nn.Module):
    """A critic whose logit is the weighted sum of a row."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.weight * features.sum(1)


def test_by_hand_with_unequal_batches() -> None:
    source = torch.tensor([[1.0], [3.0]], dtype=torch.float64)
    target = torch.tensor([[0.5]], dtype=torch.float64)
    expected = ((math.log1p(math.exp(-1)) + math.log1p(math.exp(-3))) / 2 + math.log1p(math.exp(0.5))) / 2
    assert DomainAdversarialLoss()(Sum(), source, target).item() == pytest.approx(expected, rel=1e-12)


def test_gradients_pull_the_critic_and_push_the_features() -> None:
    source = torch.tensor([[1.0], [3.0]], dtype=torch.float64, requires_grad=True)
    target = torch.tensor([[-0.5]], dtype=torch.float64, requires_grad=True)
    critic = Sum()
    DomainAdversarialLoss()(critic, source, target, reversal=0.5).backward()
    assert critic.weight.grad < 0  # a steeper critic tells these domains better apart
    assert (source.grad > 0).all()  # descending makes source rows look less like source
    assert (target.grad < 0).all()
    sigmoid = 1 / (1 + math.exp(0.5))
    assert target.grad.item() == pytest.approx(-0.5 * sigmoid / 2)


def test_order_of_rows_does_not_matter() -> None:
    torch.manual_seed(0)
    critic, source, target = DomainCritic(4).eval(), torch.randn(5, 4), torch.randn(3, 4)
    loss = DomainAdversarialLoss()
    torch.testing.assert_close(loss(critic, source, target), loss(critic, source.flip(0), target.flip(0)))


def test_extreme_logits_stay_finite() -> None:
    rows = torch.tensor([[1e4], [-1e4]], dtype=torch.float64)
    assert DomainAdversarialLoss()(Sum(), rows, rows).isfinite()


def test_bfloat16_is_finite_and_answers_in_float32() -> None:
    critic = DomainCritic(4).to(torch.bfloat16)
    rows = torch.randn(3, 4, dtype=torch.bfloat16, requires_grad=True)
    loss = DomainAdversarialLoss()(critic, rows, rows[:1])
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite() and rows.grad.isfinite().all()


def test_other_widths_are_refused() -> None:
    with pytest.raises(ValueError, match="target"):
        DomainAdversarialLoss()(DomainCritic(4), torch.randn(2, 4), torch.randn(2, 5))
