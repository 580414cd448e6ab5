from __future__ import annotations

import torch
import torch.nn.functional as F

from ferda.layers.mixed_depthwise import GlobalDepthwise, MixedDepthwise, channel_parts


def test_parts_as_in_the_paper() -> None:
    assert channel_parts(128, (2, 1, 1)) == [64, 32, 32]
    assert channel_parts(256, (3, 1)) == [192, 64]
    assert channel_parts(512, (1, 1, 1)) == [172, 170, 170]


def test_each_part_has_its_kernel() -> None:
    layer = MixedDepthwise(6, (3, 5), (2, 1), stride=2).double()
    x = torch.randn(2, 6, 8, 8, dtype=torch.float64)
    found = layer(x)
    assert found.shape == (2, 6, 4, 4)
    for channel in range(6):
        part, row, padding = (0, channel, 1) if channel < 4 else (1, channel - 4, 2)
        kernel = layer.parts[part].weight[row : row + 1]
        expected = F.conv2d(x[:, channel : channel + 1], kernel, stride=2, padding=padding)
        torch.testing.assert_close(found[:, channel : channel + 1], expected)


def test_global_pooling_weighs_every_place() -> None:
    pool = GlobalDepthwise(5, 3).double().eval()
    x = torch.randn(2, 5, 3, 3, dtype=torch.float64)
    expected = torch.einsum("bchw,chw->bc", x, pool.weights.weight[:, 0]) / (1 + pool.norm.eps) ** 0.5
    torch.testing.assert_close(pool(x), expected)
