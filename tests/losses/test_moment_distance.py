from __future__ import annotations

import pytest
import torch

from ferda.losses.moment_distance import MomentDistanceLoss


def domain(count: int, seed: int) -> torch.Tensor:
    return torch.randn(count, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def moments(rows: torch.Tensor, power: int) -> list[float]:
    return [sum(float(row[d]) ** power for row in rows) / len(rows) for d in range(rows.shape[1])]


def apart(first: torch.Tensor, second: torch.Tensor, power: int) -> float:
    pairs = zip(moments(first, power), moments(second, power), strict=True)
    return sum((a - b) ** 2 for a, b in pairs) ** 0.5


@pytest.mark.parametrize("highest", [1, 2, 3])
def test_value_equals_the_formula(highest: int) -> None:
    a, b, c, t = domain(5, 0), domain(3, 1), domain(4, 2), domain(6, 3)
    expected = 0.0
    for power in range(1, highest + 1):
        expected += (apart(a, t, power) + apart(b, t, power) + apart(c, t, power)) / 3
        expected += (apart(a, b, power) + apart(a, c, power) + apart(b, c, power)) / 3
    assert MomentDistanceLoss(highest)([a, b, c], t).item() == pytest.approx(expected, rel=1e-9)


def test_one_source_is_compared_with_the_target_alone() -> None:
    a, t = domain(5, 0), domain(6, 3)
    assert MomentDistanceLoss()([a], t).item() == pytest.approx(apart(a, t, 1) + apart(a, t, 2), rel=1e-9)


def test_equal_domains_are_at_no_distance_and_give_no_gradient() -> None:
    rows = domain(5, 0).requires_grad_()
    loss = MomentDistanceLoss()([rows, rows], rows)
    loss.backward()
    assert loss.item() == 0
    # the norm of nothing has no direction, but no NaN either
    assert rows.grad is not None and not rows.grad.any()


def test_one_row_and_half_precision_are_finite() -> None:
    rows = [domain(1, seed).bfloat16().requires_grad_() for seed in range(3)]
    loss = MomentDistanceLoss()(rows[:2], rows[2])
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(part.grad is not None and part.grad.isfinite().all() and part.grad.any() for part in rows)
