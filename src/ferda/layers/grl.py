"""Gradient reversal: the identity forward, minus lambda times the gradient backward.

With it one backward pass trains a critic to tell domains apart and the features to keep it from doing so
(Ganin and Lempitsky, "Unsupervised domain adaptation by backpropagation", ICML 2015). The strength is an
argument of every call, never a state: a schedule asks `Progress`, so that a resumed run equals one that
never stopped.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, values: Tensor, coefficient: float) -> Tensor:
        context.coefficient = coefficient
        return values.view_as(values)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return -context.coefficient * gradients[0], None


def reverse_gradient(values: Tensor, coefficient: float = 1.0) -> Tensor:
    """Return the values unchanged; their gradient comes back times `-coefficient`.

    Args:
        values: Any tensor.
        coefficient: Strength of the reversal; 0 lets nothing through.
    """
    reversed_values: Tensor = _Reversal.apply(values, coefficient)
    return reversed_values


def reversal_coefficient(time: float, gain: float = 10.0, ceiling: float = 1.0) -> float:
    """Return the usual rise of the reversal from 0 to `ceiling`: `ceiling (2 / (1 + exp(-gain time)) - 1)`.

    Args:
        time: 0 at the start and about 1 when the rise is over: the share of training that is done, or the
            step divided by a number of steps (AGLRLS and CDAN's authors: 10,000).
        gain: Steepness.
        ceiling: Limit for long times.
    """
    return ceiling * (2.0 / (1.0 + math.exp(-gain * time)) - 1.0)
