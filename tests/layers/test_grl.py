from __future__ import annotations

import math

import pytest
import torch

from ferda.layers.grl import reversal_coefficient, reverse_gradient


def test_values_pass_and_gradients_turn() -> None:
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    reversed_values = reverse_gradient(values, 0.25)
    assert torch.equal(reversed_values, values)
    (reversed_values * torch.tensor([2.0, 4.0])).sum().backward()
    assert torch.equal(values.grad, torch.tensor([-0.5, -1.0]))


def test_coefficient_rises_from_zero_to_its_ceiling() -> None:
    assert reversal_coefficient(0.0) == 0.0
    assert reversal_coefficient(0.1) == pytest.approx(math.tanh(0.5))
    assert reversal_coefficient(5.0, ceiling=0.3) == pytest.approx(0.3)
    rises = [reversal_coefficient(time / 10) for time in range(11)]
    assert rises == sorted(rises)
