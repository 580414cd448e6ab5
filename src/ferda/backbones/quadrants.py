"""Branches of residual units with attention: one over the whole map, one over its four quadrants.

LA-CMFER (ACM MM 2024) and DUML (ACM MM 2023, from which it took the branch) look at a shared map twice. One
tower sees all of it. The other branch cuts it at half its height and half its width, so that each part holds
an eye or a corner of the mouth, and sees the parts one by one; batch norm in training normalises each part by
itself. Both authors' programs make four towers for the parts, but use two: left parts pass the first, right
parts the second.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from ferda.errors import UserError
from ferda.layers.cbam import CBAM


class AttentionUnit(nn.Module):
    """`conv - BN - ReLU - conv - BN - CBAM`, plus the shortcut, then ReLU.

    Args:
        c: Channels in.
        d: Channels out.
        stride: Of the first convolution and the shortcut.
        kernel: Odd width of CBAM's convolution over places.

    Raises:
        UserError: If the width is even.
    """

    def __init__(self, c: int, d: int, stride: int = 1, kernel: int = 49) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise UserError(f"The convolution of attention over places needs an odd width, got {kernel}.")
        self.residual = nn.Sequential(
            nn.Conv2d(c, d, 3, stride, 1, bias=False),
            nn.BatchNorm2d(d),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, d, 3, 1, 1, bias=False),
            nn.BatchNorm2d(d),
        )
        self.attention = CBAM(d, kernel=kernel, mlp_bias=False, norm=False, residual=True)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or c != d:
            self.shortcut = nn.Sequential(nn.Conv2d(c, d, 1, stride, bias=False), nn.BatchNorm2d(d))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, d, h, w) and the attention over its places, (B, h, w), of (B, c, H, W)."""
        attended = self.attention.attend(self.residual(x))
        return self.activation(attended.features + self.shortcut(x)), attended.spatial


class AttentionTower(nn.Module):
    """Stages of attention units, each halving the map, and the mean over the last map.

    Args:
        channels: Of the map that comes in.
        widths: Channels of the stages.
        units: Units of the stages.
        kernel: See `AttentionUnit`.

    Attributes:
        width: Number of features.

    Raises:
        UserError: If there are more widths than numbers of units, or fewer.
    """

    def __init__(self, channels: int, widths: Sequence[int], units: Sequence[int], kernel: int = 49) -> None:
        super().__init__()
        if len(widths) != len(units):
            raise UserError(f"Every stage has a width and a number of units, got {widths} and {units}.")
        self.width = widths[-1]
        self.stages = nn.ModuleList()
        for (c, d), count in zip(pairwise((channels, *widths)), units, strict=True):
            more = (AttentionUnit(d, d, kernel=kernel) for _ in range(count - 1))
            self.stages.append(nn.ModuleList([AttentionUnit(c, d, 2, kernel), *more]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, D) features and the last unit's attention, (B, h, w), of (B, channels, H, W)."""
        spatial = x[:, 0]
        for stage in self.stages:
            for unit in stage.children():
                x, spatial = unit(x)
        return x.mean((2, 3)), spatial


class QuadrantBranch(nn.Module):
    """Four quadrants of a map, each through a tower, their features side by side.

    Order: top left, top right, bottom left, bottom right.

    Args:
        channels: Of the map that comes in.
        width: Features of a quadrant.
        units: Units of a tower's one stage.
        towers: 2: left and right quadrants have a tower each (the authors' code); 4: every quadrant has.
        kernel: See `AttentionUnit`.

    Attributes:
        width: Number of features of all quadrants.
    """

    def __init__(
        self, channels: int, width: int = 256, units: int = 2, towers: Literal[2, 4] = 2, kernel: int = 49
    ) -> None:
        super().__init__()
        self.width = 4 * width
        self.towers = nn.ModuleList(
            AttentionTower(channels, (width,), (units,), kernel) for _ in range(towers)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B, D) features and the attention over all quadrants, (B, h, w), of (B, channels, H, W).

        Raises:
            ValueError: If the map is too small to be cut.
        """
        features, attention = [], []
        for number, part in enumerate(quadrants(x)):
            of_part, spatial = self.towers[number % len(self.towers)](part)
            features.append(of_part)
            attention.append(spatial)
        rows = [torch.cat(attention[:2], 2), torch.cat(attention[2:], 2)]
        return torch.cat(features, 1), torch.cat(rows, 1)


def quadrants(x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return top left, top right, bottom left, bottom right of a map; nothing is lost where sides are odd.

    Args:
        x: (B, C, H, W), at least 2x2.

    Raises:
        ValueError: If it is smaller.
    """
    h, w = x.shape[2] // 2, x.shape[3] // 2
    if not h or not w:
        raise ValueError(f"a map of {x.shape[2]}x{x.shape[3]} has no quadrants: give larger pictures")
    return x[:, :, :h, :w], x[:, :, :h, w:], x[:, :, h:, :w], x[:, :, h:, w:]
