from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from ferda.losses.domain_confusion import DomainConfusionLoss


class FirstNumber(nn.Module):
    def forward(self, rows: Tensor) -> Tensor:
        return rows[:, 0]


def test_value_equals_the_formula_for_unequal_domains() -> None:
    source, target = torch.randn(5, 2, dtype=torch.float64), torch.randn(2, 2, dtype=torch.float64)
    found = DomainConfusionLoss()(FirstNumber(), source, target)
    parts = [
        (bce(rows[:, 0], torch.ones_like(rows[:, 0])) + bce(rows[:, 0], torch.zeros_like(rows[:, 0]))) / 2
        for rows in (source, target)
    ]
    torch.testing.assert_close(found, (parts[0] + parts[1]) / 2)


def test_it_is_least_where_the_critic_shrugs() -> None:
    nothing, sure = torch.zeros(3, 2), 4 * torch.ones(3, 2)
    assert DomainConfusionLoss()(FirstNumber(), nothing, nothing).item() == pytest.approx(math.log(2))
    assert DomainConfusionLoss()(FirstNumber(), sure, -sure) > 1


def test_one_row_and_half_precision_are_finite() -> None:
    source = (1e4 * torch.ones(1, 2)).bfloat16().requires_grad_()
    loss = DomainConfusionLoss()(FirstNumber(), source, torch.ones(1, 2).bfloat16())
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert source.grad is not None and source.grad.isfinite().all()
