from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.class_confusion import ClassConfusionLoss


def by_formula(logits: torch.Tensor, temperature: float) -> float:
    """The sums of the paper, number by number."""
    rows, classes = logits.shape
    y = (logits / temperature).softmax(1).tolist()
    certainty = [1 + math.exp(sum(p * math.log(p + 1e-5) for p in row)) for row in y]
    w = [rows * c / sum(certainty) for c in certainty]
    k = [[sum(w[i] * y[i][a] * y[i][b] for i in range(rows)) for b in range(classes)] for a in range(classes)]
    return sum(k[a][b] / sum(k[a]) for a in range(classes) for b in range(classes) if a != b) / classes


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_value_equals_the_formula(temperature: float) -> None:
    torch.manual_seed(0)
    logits = 3 * torch.randn(6, 4, dtype=torch.float64)
    found = ClassConfusionLoss(temperature)(logits).item()
    assert found == pytest.approx(by_formula(logits, temperature), rel=1e-10)


def test_certain_predictions_of_all_classes_have_no_confusion() -> None:
    assert ClassConfusionLoss()(200 * torch.eye(4)).item() == pytest.approx(0, abs=1e-6)


def test_undecided_predictions_have_the_most() -> None:
    assert ClassConfusionLoss()(torch.zeros(5, 4)).item() == pytest.approx(3 / 4)


def test_an_absent_class_and_a_batch_of_one_are_finite() -> None:
    logits = torch.tensor([[900.0, -900.0, -900.0]], requires_grad=True)
    loss = ClassConfusionLoss()(logits)
    loss.backward()
    assert loss.item() == pytest.approx(0) and logits.grad.isfinite().all()


def test_order_does_not_matter_and_bfloat16_is_finite() -> None:
    torch.manual_seed(0)
    logits = torch.randn(7, 5)
    loss = ClassConfusionLoss()
    torch.testing.assert_close(loss(logits), loss(logits.flip(0)))
    half = loss(logits.bfloat16())
    assert half.dtype == torch.float32 and half.isfinite()


def test_descending_makes_predictions_more_certain() -> None:
    torch.manual_seed(0)
    logits = torch.randn(16, 4).requires_grad_()
    before = logits.softmax(1).max(1).values.mean().item()
    optimiser = torch.optim.SGD([logits], lr=20.0)
    for _ in range(50):
        optimiser.zero_grad()
        ClassConfusionLoss()(logits).backward()
        optimiser.step()
    assert logits.softmax(1).max(1).values.mean().item() > before + 0.1


def test_autocast_does_not_shorten_the_correlation() -> None:
    logits = torch.randn(32, 7, generator=torch.Generator().manual_seed(0)) * 4
    expected = ClassConfusionLoss()(logits)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ClassConfusionLoss()(logits), expected)
