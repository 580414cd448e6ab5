from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.marginal_entropy import MarginalEntropyLoss


def test_by_hand() -> None:
    logits = torch.tensor([[0.25, 0.75], [0.75, 0.25], [0.5, 0.5], [0.1, 0.9]], dtype=torch.float64).log()
    p = [0.4, 0.6]
    expected = sum(share * math.log(share + 1e-5) for share in p)
    assert MarginalEntropyLoss()(logits).item() == pytest.approx(expected)


def test_least_where_all_classes_are_equally_frequent() -> None:
    loss = MarginalEntropyLoss(epsilon=0.0)
    even = 50 * torch.eye(4)
    assert loss(even).item() == pytest.approx(-math.log(4))
    assert loss(even).item() == loss(even.flip(0)).item() < loss(even[:3]).item()
    assert MarginalEntropyLoss()(50 * torch.eye(4)[:1]).item() == pytest.approx(0, abs=1e-4)


def test_descending_spreads_predictions_and_bfloat16_is_finite() -> None:
    torch.manual_seed(0)
    logits = (torch.randn(8, 3) + torch.tensor([2.0, 0, 0])).requires_grad_()
    before = logits.softmax(1).mean(0).max().item()
    loss = MarginalEntropyLoss()(logits)
    loss.backward()
    assert (logits - 5 * logits.grad).softmax(1).mean(0).max().item() < before
    half = MarginalEntropyLoss()((100 * logits.detach()).bfloat16())
    assert half.dtype == torch.float32 and half.isfinite()
