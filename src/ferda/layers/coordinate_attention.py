"""Coordinate attention: what matters in a map, said once for its rows and once for its columns.

Hou et al., "Coordinate attention for efficient mobile network design", CVPR 2021. Pooling a map to one number
forgets where things are; pooling it to a profile of its rows and one of its columns does not, and costs
H + W numbers a channel instead of H W. `CoordinateAttention` stands inside the blocks of MixedFeatureNet;
`DirectionAttention` is a head of DDAMFN, which learns how to pool.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CoordinateGate(nn.Module):
    """Turn a profile of the rows and one of the columns into factors between 0 and 1.

    Both profiles pass one squeeze S (1x1 convolution, batch norm, hard swish), then each a convolution of its
    own:

        a = sigmoid(W_a S(rows)),   b = sigmoid(W_b S(columns)).

    Args:
        channels: C.
        reduction: The squeeze has `max(8, C // reduction)` channels.
    """

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        inner = max(8, channels // reduction)
        self.squeeze = nn.Sequential(
            nn.Conv2d(channels, inner, 1), nn.BatchNorm2d(inner), nn.Hardswish(inplace=True)
        )
        self.rows = nn.Conv2d(inner, channels, 1)
        self.columns = nn.Conv2d(inner, channels, 1)

    def forward(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Return the factors of rows and columns.

        Args:
            rows: (B, C, H, 1).
            columns: (B, C, 1, W).

        Returns:
            (B, C, H, 1) and (B, C, 1, W).
        """
        squeezed = self.squeeze(torch.cat([rows, columns.transpose(2, 3)], 2))
        along, across = squeezed.split([rows.shape[2], columns.shape[3]], 2)
        return self.rows(along).sigmoid(), self.columns(across).transpose(2, 3).sigmoid()


class CoordinateAttention(nn.Module):
    """Multiply a map with factors made from the means of its rows and columns.

    Args:
        channels: C.
        reduction: See `CoordinateGate`.
    """

    def __init__(self, channels: int, reduction: int = 32) -> None:
        super().__init__()
        self.gate = CoordinateGate(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) of (B, C, H, W)."""
        rows, columns = self.gate(x.mean(3, keepdim=True), x.mean(2, keepdim=True))
        weighted: Tensor = x * columns * rows
        return weighted


class DirectionAttention(nn.Module):
    """Attention map of DDAMFN: profiles by learnt weights, each channel its own, instead of means.

    Args:
        channels: C.
        side: Height and width of the maps; each profile has a weight for every place across.
        reduction: See `CoordinateGate`.
    """

    def __init__(self, channels: int, side: int, reduction: int = 32) -> None:
        super().__init__()
        self.rows = _profile(channels, (1, side))
        self.columns = _profile(channels, (side, 1))
        self.gate = CoordinateGate(channels, reduction)

    def forward(self, x: Tensor) -> Tensor:
        """Return the attention (B, C, H, W), between 0 and 1, that (B, C, H, W) maps deserve."""
        rows, columns = self.gate(self.rows(x), self.columns(x))
        attention: Tensor = columns * rows
        return attention


def _profile(channels: int, window: tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, channels, window, groups=channels, bias=False), nn.BatchNorm2d(channels)
    )
