from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from ferda.layers.dynamic_coordinate_attention import DynamicCoordinateAttention, turned_grid

C, D = 12, 3


def plain_order(layer: DynamicCoordinateAttention, x: Tensor) -> Tensor:
    """Sample all channels first, face by face and direction by direction, and only then make them few."""
    rows = []
    for n in range(len(x)):
        face = x[n : n + 1]
        angle, scale = layer.axes(face)
        total = torch.zeros_like(face)
        for d in range(D):
            grid = turned_grid(angle[:, d], scale[:, d], *x.shape[2:], layer.order)
            seen = layer.squeeze(F.grid_sample(face, grid, align_corners=False))
            narrow = layer.norm(seen).relu()
            weight = layer.expand.weight.unflatten(0, (D, C))[d]
            attention = F.conv2d(narrow, weight, layer.expand.bias.unflatten(0, (D, C))[d]).sigmoid()
            total = total + layer.fusion[d].sigmoid() * attention
        rows.append(face * total)
    return torch.cat(rows)


@pytest.fixture
def layer() -> DynamicCoordinateAttention:
    made = DynamicCoordinateAttention(C, D, reduction=4).double().eval()
    made.norm.running_mean.normal_()
    made.fusion.data.normal_()
    for weight in made.aim.parameters():
        weight.data.normal_()
    return made


@pytest.mark.parametrize("order", ["row_first", "xy"])
def test_equals_the_plain_order(layer: DynamicCoordinateAttention, order: Any) -> None:
    layer.order = order
    x = torch.randn(4, C, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(layer(x), plain_order(layer, x))


def test_a_face_is_judged_alone_unless_it_is_mixed_as_upstream(layer: DynamicCoordinateAttention) -> None:
    x = torch.randn(4, C, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(layer(x)[1:2], layer(x[1:2]))
    layer.layout = "upstream_mixed"
    assert not torch.allclose(layer(x)[1:2], layer(x[1:2]))
    one = layer(x[:1])
    layer.layout = "per_sample"
    torch.testing.assert_close(layer(x[:1]), one)


def test_statistics_are_of_all_directions(layer: DynamicCoordinateAttention) -> None:
    layer.train()
    layer.norm.momentum = 1.0
    x = torch.randn(6, C, 5, 5, dtype=torch.float64)
    angle, scale = layer.axes(x)
    grids = turned_grid(angle, scale, 5, 5, layer.order)
    seen = torch.stack([layer.squeeze(F.grid_sample(x, grids[:, d], align_corners=False)) for d in range(D)])
    layer(x)
    torch.testing.assert_close(layer.norm.running_mean, seen.mean((0, 1, 3, 4)))


@pytest.mark.parametrize(("turn", "order"), [(math.pi / 2, "row_first"), (0.0, "xy")])
def test_named_turns(turn: float, order: Any) -> None:
    """A quarter turn of row-first axes is the mirror image; no turn of x-y axes is the picture itself."""
    x = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    # pixel centres lie a little inside of -1 and 1, where the authors' axes end
    angle, scale = torch.tensor([turn], dtype=torch.float64), torch.tensor([0.75], dtype=torch.float64)
    seen = F.grid_sample(x, turned_grid(angle, scale, 4, 4, order), align_corners=False)
    torch.testing.assert_close(seen, x.flip(3) if order == "row_first" else x)


def test_every_weight_learns_and_bfloat16_is_finite() -> None:
    layer = DynamicCoordinateAttention(C, D)
    layer(torch.randn(4, C, 5, 5)).square().sum().backward()
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in layer.parameters())
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(4, C, 5, 5)).isfinite().all()
