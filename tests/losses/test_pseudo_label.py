from __future__ import annotations

import math

import pytest
import torch

from ferda.losses.pseudo_label import PseudoLabelLoss


def shares(row: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in row)
    return [math.exp(value) / total for value in row]


@pytest.mark.parametrize("is_weighted", [True, False])
def test_value_equals_the_formula(is_weighted: bool) -> None:
    torch.manual_seed(0)
    student, teacher = (2 * torch.randn(6, 4, dtype=torch.float64) for _ in range(2))
    expected = 0.0
    for z, t in zip(student.tolist(), teacher.tolist(), strict=True):
        p = shares(t)
        expected -= (max(p) if is_weighted else 1) * math.log(shares(z)[p.index(max(p))]) / 6
    found = PseudoLabelLoss(is_weighted)(student, teacher)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_with_a_temperature_every_class_has_its_sharpened_share() -> None:
    torch.manual_seed(0)
    student, teacher = (2 * torch.randn(6, 4, dtype=torch.float64) for _ in range(2))
    expected = 0.0
    for z, t in zip(student.tolist(), teacher.tolist(), strict=True):
        labels = shares([2 * value for value in t])
        error = -sum(label * math.log(p) for label, p in zip(labels, shares(z), strict=True))
        expected += max(shares(t)) * error / 6
    found = PseudoLabelLoss(temperature=0.5)(student, teacher)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_only_the_student_learns_and_agreement_costs_nothing() -> None:
    student = (50 * torch.eye(3)).requires_grad_()
    teacher = torch.eye(3, requires_grad=True)
    loss = PseudoLabelLoss()(student, teacher)
    loss.backward()
    assert loss.item() == pytest.approx(0, abs=1e-6)
    assert teacher.grad is None and student.grad is not None


def test_an_unsure_teacher_weighs_less_and_half_precision_is_finite() -> None:
    student = torch.tensor([[0.0, 3.0]])
    sure, unsure = (PseudoLabelLoss()(student, torch.tensor([[top, 0.0]])) for top in (9.0, 0.1))
    assert unsure < 0.6 * sure
    half = PseudoLabelLoss()(student.bfloat16(), torch.tensor([[900.0, -900.0]]).bfloat16())
    assert half.dtype == torch.float32 and half.isfinite()
