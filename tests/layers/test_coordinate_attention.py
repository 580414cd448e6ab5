from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ferda.layers.coordinate_attention import CoordinateAttention, CoordinateGate, DirectionAttention


def by_formula(gate: CoordinateGate, rows: Tensor, columns: Tensor) -> Tensor:
    """The factors place by place: (B, C, H, W), from profiles (B, C, H) and (B, C, W)."""
    convolution, norm = gate.squeeze[0], gate.squeeze[1]

    def squeezed(profile: Tensor) -> Tensor:
        t = torch.einsum("mc,bcl->bml", convolution.weight[:, :, 0, 0], profile)
        t = t + convolution.bias[:, None]
        t = (t - norm.running_mean[:, None]) / (norm.running_var[:, None] + norm.eps).sqrt()
        t = t * norm.weight[:, None] + norm.bias[:, None]
        return t * (t + 3).clamp(0, 6) / 6

    def factor(layer: torch.nn.Conv2d, profile: Tensor) -> Tensor:
        out = torch.einsum("cm,bml->bcl", layer.weight[:, :, 0, 0], squeezed(profile))
        return (out + layer.bias[:, None]).sigmoid()

    return factor(gate.rows, rows).unsqueeze(3) * factor(gate.columns, columns).unsqueeze(2)


def random_norms(module: torch.nn.Module) -> None:
    for norm in module.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)


def test_attention_equals_the_formula() -> None:
    attention = CoordinateAttention(12).double().eval()
    random_norms(attention)
    x = torch.randn(2, 12, 4, 5, dtype=torch.float64)
    expected = x * by_formula(attention.gate, x.mean(3), x.mean(2))
    torch.testing.assert_close(attention(x), expected)


def test_learnt_profiles_equal_the_formula() -> None:
    attention = DirectionAttention(12, side=4).double().eval()
    random_norms(attention)
    x = torch.randn(2, 12, 4, 4, dtype=torch.float64)

    def profile(layers: torch.nn.Sequential, equation: str, weights: Tensor) -> Tensor:
        t = torch.einsum(equation, x, weights)
        norm = layers[1]
        return (t - norm.running_mean[:, None]) / (norm.running_var[:, None] + norm.eps).sqrt()

    rows = profile(attention.rows, "bchw,cw->bch", attention.rows[0].weight[:, 0, 0])
    columns = profile(attention.columns, "bchw,ch->bcw", attention.columns[0].weight[:, 0, :, 0])
    torch.testing.assert_close(attention(x), by_formula(attention.gate, rows, columns))


@pytest.mark.parametrize(("channels", "inner"), [(64, 8), (512, 16), (1024, 32)])
def test_the_squeeze_is_never_too_narrow(channels: int, inner: int) -> None:
    assert CoordinateGate(channels).rows.in_channels == inner


def test_attention_lies_between_0_and_1_and_is_finite_in_bfloat16() -> None:
    x = 100 * torch.randn(2, 8, 3, 3)
    attention = DirectionAttention(8, 3)
    assert ((attention(x) >= 0) & (attention(x) <= 1)).all()
    assert attention.bfloat16()(x.bfloat16()).isfinite().all()
