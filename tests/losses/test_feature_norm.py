from __future__ import annotations

import pytest
import torch

from ferda.losses.feature_norm import HardFeatureNormLoss, StepwiseFeatureNormLoss


def test_hard_by_hand() -> None:
    features = torch.tensor([[3.0, 4.0], [0.0, 1.0]], dtype=torch.float64)
    assert HardFeatureNormLoss(radius=5.0)(features).item() == pytest.approx((3 - 5) ** 2)
    assert HardFeatureNormLoss(radius=3.0)(features).item() == pytest.approx(0)


def test_stepwise_says_only_grow() -> None:
    features = torch.tensor([[3.0, 4.0], [0.0, 1.0]], dtype=torch.float64, requires_grad=True)
    loss = StepwiseFeatureNormLoss(step=0.5)(features)
    loss.backward()
    assert loss.item() == pytest.approx(0.25)
    torch.testing.assert_close(features.grad, -torch.tensor([[0.3, 0.4], [0.0, 0.5]], dtype=torch.float64))


@pytest.mark.parametrize("loss", [HardFeatureNormLoss(), StepwiseFeatureNormLoss()])
def test_a_row_of_zeros_and_bfloat16_are_finite(loss: torch.nn.Module) -> None:
    features = torch.zeros(1, 4, dtype=torch.bfloat16, requires_grad=True)
    value = loss(features)
    value.backward()
    assert value.isfinite() and features.grad.isfinite().all()
