from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.entropy import EntropyLoss, entropy


def test_by_hand() -> None:
    probabilities = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64)
    expected = [-0.25 * math.log(0.25) - 0.75 * math.log(0.75), math.log(2)]
    assert entropy(probabilities, epsilon=0.0).tolist() == pytest.approx(expected)
    assert entropy(torch.tensor([1.0, 0.0], dtype=torch.float64)).item() == pytest.approx(-math.log1p(1e-5))


def test_the_loss_is_the_mean_and_finite_in_bfloat16() -> None:
    logits = torch.tensor([[0.0, 0.0], [50.0, -50.0]])
    assert EntropyLoss()(logits).item() == pytest.approx(math.log(2) / 2, abs=1e-4)
    half = (logits.bfloat16() * 100).requires_grad_()
    loss = EntropyLoss()(half)
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite() and half.grad.isfinite().all()
