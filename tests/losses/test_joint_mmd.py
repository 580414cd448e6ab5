from __future__ import annotations

from math import exp

import pytest
import torch

from ferda.losses.joint_mmd import JointMMDLoss
from ferda.losses.mmd import MMDLoss


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def by_loops(source: list[torch.Tensor], target: list[torch.Tensor], widths: list[float | None]) -> float:
    layers = [torch.cat(pair) for pair in zip(source, target, strict=True)]
    n, m = len(source[0]), len(target[0])
    for at, layer in enumerate(layers):
        pairs = [float((a - b).square().sum()) for a in layer for b in layer]
        widths[at] = widths[at] or sum(pairs) / ((n + m) ** 2 - n - m)
    total = 0.0
    for i in range(n + m):
        for j in range(n + m):
            kernel = 1.0
            for layer, width in zip(layers, widths, strict=True):
                assert width is not None
                kernel *= exp(-float((layer[i] - layer[j]).square().sum()) / width)
            total += kernel * (1 / n if i < n else -1 / m) * (1 / n if j < n else -1 / m)
    return total


@pytest.mark.parametrize("width", [None, 1.68])
def test_value_equals_the_formula(width: float | None) -> None:
    source, target = [rows(4, 5), rows(4, 3, seed=1).softmax(1)], [rows(6, 5, seed=2), rows(6, 3, seed=3)]
    found = JointMMDLoss(widths=(None, width))(source, target)
    assert found.item() == pytest.approx(by_loops(source, target, [None, width]), rel=1e-9)


def test_one_layer_is_the_plain_discrepancy() -> None:
    source, target = rows(4, 5), rows(6, 5, seed=2)
    joint = JointMMDLoss(kernels=(5,), widths=(None,))([source], [target])
    torch.testing.assert_close(joint, MMDLoss()(source, target))


def test_equal_domains_are_at_no_distance_and_other_partners_are() -> None:
    features, answers = rows(6, 5), rows(6, 3, seed=1)
    loss = JointMMDLoss()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert loss([features, answers], [features[order], answers[order]]).item() == pytest.approx(0, abs=1e-12)
    # each layer by itself has the same rows in both domains, but not the same pairs of rows
    assert loss([features, answers], [features, answers[order]]).item() > 1e-3


def test_gradients_reach_every_layer_and_half_precision_is_finite() -> None:
    layers = [rows(n, 4, seed=n).bfloat16().requires_grad_() for n in (1, 2, 3, 4)]
    # one row against three, two layers each
    loss = JointMMDLoss()([layers[0], layers[0] * 2], [layers[2], layers[2] * 2])
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert all(part.grad is not None and part.grad.isfinite().all() for part in (layers[0], layers[2]))
