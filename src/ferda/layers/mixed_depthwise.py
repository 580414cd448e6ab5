"""Depthwise convolutions of several kernel sizes side by side, and one that is as large as the map.

Tan and Le, "MixConv: mixed depthwise convolutional kernels", BMVC 2019: small kernels see edges, large ones
whole mouths, and mixing them costs little more than either. Chen et al., "MobileFaceNets", CCBR 2018: in an
aligned face every place has a meaning, so the last map is pooled with a learnt weight for every place.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def channel_parts(channels: int, shares: Sequence[int]) -> list[int]:
    """Split channels into parts as shares say; what rounding leaves goes to the first part.

    Args:
        channels: How many there are.
        shares: Whole numbers, for instance (3, 1) for three quarters and one quarter.
    """
    parts = [channels * share // sum(shares) for share in shares]
    parts[0] += channels - sum(parts)
    return parts


class MixedDepthwise(nn.Module):
    """Depthwise convolutions without bias, each part of the channels with its own kernel size.

    Args:
        channels: C.
        kernels: Odd kernel sizes.
        shares: Shares of the channels, one for each kernel size; None for equal parts.
        stride: Of all parts.
    """

    def __init__(
        self, channels: int, kernels: Sequence[int], shares: Sequence[int] | None = None, stride: int = 1
    ) -> None:
        super().__init__()
        self.sizes = channel_parts(channels, shares or [1] * len(kernels))
        self.parts = nn.ModuleList(
            nn.Conv2d(size, size, kernel, stride, kernel // 2, groups=size, bias=False)
            for size, kernel in zip(self.sizes, kernels, strict=True)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H / stride, W / stride) of (B, C, H, W)."""
        pieces = x.split(self.sizes, 1)
        return torch.cat([part(piece) for part, piece in zip(self.parts, pieces, strict=True)], 1)


class GlobalDepthwise(nn.Module):
    """Pool a map with a learnt weight for every channel and place, then batch norm.

    Args:
        channels: C.
        side: Height and width of the maps.
    """

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.weights = nn.Conv2d(channels, channels, side, groups=channels, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C) of (B, C, side, side)."""
        pooled: Tensor = self.norm(self.weights(x)).flatten(1)
        return pooled
