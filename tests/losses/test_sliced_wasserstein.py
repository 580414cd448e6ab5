from __future__ import annotations

import pytest
import torch
from scipy.stats import wasserstein_distance

from ferda.losses.sliced_wasserstein import SlicedWassersteinLoss


def test_value_equals_the_formula_direction_by_direction() -> None:
    torch.manual_seed(0)
    logits = 2 * torch.randn(2, 6, 4, dtype=torch.float64)
    torch.manual_seed(5)
    found = SlicedWassersteinLoss(directions=9)(logits).item()
    torch.manual_seed(5)
    directions = torch.randn(4, 9, dtype=torch.float64).T.tolist()
    first, second = logits.softmax(2).tolist()
    expected = 0.0
    for direction in directions:
        length = sum(value**2 for value in direction) ** 0.5
        seen = [
            sorted(sum(p * w / length for p, w in zip(row, direction, strict=True)) for row in cloud)
            for cloud in (first, second)
        ]
        expected += sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) / 6 / 9
    assert found == pytest.approx(expected, rel=1e-10)


def test_along_one_direction_sorting_is_the_cheapest_way() -> None:
    # of two classes the second probability follows from the first: every direction sees the same picture
    torch.manual_seed(0)
    logits = torch.randn(2, 8, 2, dtype=torch.float64)
    first, second = logits.softmax(2)[..., 0]
    cheapest = min(float((first - second[torch.randperm(8)]).square().mean()) for _ in range(2000))
    sorted_cost = float((first.sort().values - second.sort().values).square().mean())
    assert sorted_cost <= cheapest
    assert float((first.sort().values - second.sort().values).abs().mean()) == pytest.approx(
        wasserstein_distance(first.tolist(), second.tolist())
    )
    # (w_1 - w_2)^2 of random unit directions is 1 on average
    found = SlicedWassersteinLoss(directions=20_000)(logits).item()
    assert found == pytest.approx(sorted_cost, rel=0.05)


def test_order_does_not_matter_equal_clouds_are_zero_and_half_precision_is_finite() -> None:
    torch.manual_seed(0)
    logits = torch.randn(7, 3)
    loss = SlicedWassersteinLoss()
    assert loss(torch.stack([logits, logits[torch.randperm(7)]])).item() == pytest.approx(0, abs=1e-12)
    both = torch.stack([logits, -logits]).bfloat16().requires_grad_()
    value = loss(both)
    value.backward()
    assert value.dtype == torch.float32 and value.item() > 0
    assert both.grad is not None and both.grad.isfinite().all()
