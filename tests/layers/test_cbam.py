from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d
from torch.testing import assert_close

from ferda.layers.cbam import CBAM

#: The two kinds of the papers.
KINDS: dict[str, dict[str, Any]] = {
    "manet": {},
    "la_cmfer": {"kernel": 49, "mlp_bias": False, "norm": False, "residual": True},
}


def filled(channels: int, kind: str, **options: Any) -> CBAM:
    """A block in float64 whose weights, running statistics included, are no defaults."""
    block = CBAM(channels, **(KINDS[kind] | options)).double().eval()
    for weight in (*block.parameters(), *(b for b in block.buffers() if b.is_floating_point())):
        weight.data.normal_(0, 0.4)
    if isinstance(block.spatial_norm, torch.nn.BatchNorm2d):
        block.spatial_norm.running_var.data.uniform_(0.5, 1.5)
    return block


def by_formula(block: CBAM, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The two formulas row by row, channel by channel, with the whole of K."""
    state = block.state_dict()
    first, last = state["channel_mlp.0.weight"].flatten(1), state["channel_mlp.2.weight"].flatten(1)
    first_bias, last_bias = state.get("channel_mlp.0.bias", 0), state.get("channel_mlp.2.bias", 0)

    def mlp(summary: Tensor) -> Tensor:
        return last @ (first @ summary + first_bias).clamp_min(0) + last_bias

    outputs, channels, places = [], [], []
    for row in x:
        means = torch.stack([channel.mean() for channel in row])
        peaks = torch.stack([channel.max() for channel in row])
        c = 1 / (1 + torch.exp(-(mlp(means) + mlp(peaks))))
        x1 = torch.stack([weight * channel for weight, channel in zip(c, row, strict=True)])
        pair = torch.stack([x1.max(0).values, x1.sum(0) / len(x1)])
        kernel = state["spatial_conv.weight"]
        k = conv2d(pair[None], kernel, state.get("spatial_conv.bias"), padding=kernel.shape[-1] // 2)[0, 0]
        if "spatial_norm.weight" in state:
            centred = k - state["spatial_norm.running_mean"]
            scale = state["spatial_norm.weight"] / (state["spatial_norm.running_var"] + 1e-5).sqrt()
            k = centred * scale + state["spatial_norm.bias"]
        s = 1 / (1 + torch.exp(-k))
        outputs.append(x1 * s + (row if block.residual else 0))
        channels.append(c)
        places.append(s)
    return torch.stack(outputs), torch.stack(channels), torch.stack(places)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(7, 7), (5, 9), (1, 1), (3, 30)])
def test_features_and_maps_equal_the_formulas(kind: str, size: tuple[int, int]) -> None:
    block = filled(32, kind)
    x = torch.randn(3, 32, *size, dtype=torch.float64)
    found, expected = block.attend(x), by_formula(block, x)
    for name, value in zip(found._fields, expected, strict=True):
        assert_close(getattr(found, name), value)
    assert torch.equal(block(x), found.features)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_equal_the_formulas_and_reach_every_weight_that_meets_data(kind: str) -> None:
    block = filled(32, kind, reduction=2)
    x = torch.randn(2, 32, 6, 6, dtype=torch.float64, requires_grad=True)
    weights = torch.randn_like(x)
    (found,) = torch.autograd.grad((block(x) * weights).sum(), x)
    (expected,) = torch.autograd.grad((by_formula(block, x)[0] * weights).sum(), x)
    assert_close(found, expected)
    (block(x) * weights).sum().backward()
    assert all(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in block.parameters())
    if kind == "la_cmfer":
        seen = block.spatial_conv.weight.grad[0, 0] != 0
        # a map of 6 sees 5 to each side of the kernel's middle
        assert seen[19:30, 19:30].all() and seen.sum() == 11 * 11


def test_attention_lies_between_zero_and_one() -> None:
    found = filled(32, "manet").attend(10 * torch.randn(4, 32, 5, 5, dtype=torch.float64))
    for attention in (found.channel, found.spatial):
        assert ((attention >= 0) & (attention <= 1)).all()


def test_one_place_gets_the_gradient_where_values_tie() -> None:
    block = filled(16, "manet", reduction=2)
    x = torch.zeros(1, 16, 4, 4, dtype=torch.float64, requires_grad=True)
    (gradient,) = torch.autograd.grad(block.attend(x).channel.sum(), x)
    # all places share in the mean, one place of each channel is the maximum
    from_mean = gradient.flatten(2).median(2).values[:, :, None, None]
    assert (gradient != from_mean).sum((2, 3)).tolist() == [[1] * 16]


def test_narrow_maps_keep_a_channel_in_the_middle() -> None:
    assert CBAM(8).channel_mlp[0].out_channels == 1
    assert CBAM(64, reduction=4).channel_mlp[0].out_channels == 16


def test_running_statistics_move_by_a_hundredth() -> None:
    block = CBAM(16)
    x = torch.randn(4, 16, 5, 5)
    block(x)
    assert isinstance(block.spatial_norm, torch.nn.BatchNorm2d)
    assert block.spatial_norm.running_var.item() == pytest.approx(0.99, abs=0.01)


def test_rows_do_not_see_each_other_in_evaluation() -> None:
    block, x = filled(16, "manet"), torch.randn(5, 16, 6, 6, dtype=torch.float64)
    assert_close(block(x)[2:3], block(x[2:3]))


def test_half_precision_stays_finite() -> None:
    for options in KINDS.values():
        block = CBAM(32, **options).bfloat16()
        y = block(100 * torch.randn(2, 32, 7, 7).bfloat16())
        assert y.dtype == torch.bfloat16 and y.isfinite().all()


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(ValueError, match="odd"):
        CBAM(16, kernel=8)
