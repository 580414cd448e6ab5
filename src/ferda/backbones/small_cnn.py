"""A small residual network for small faces: 0.9 M weights, made for 48 x 48 pixels and one CPU core.

Three residual stages of one unit each (64, 128, 192 channels) on a stem of 32 channels. It is the backbone
of our CPU benchmark and of every trial that should end before the coffee does; at 48 pixels it costs
90 M multiply-adds a face. Sizes from 32 pixels on work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from ferda.backbones.base import Backbone

Norm = Literal["batch", "group"]


class SmallCNN(Backbone):
    """Stem, residual stages that halve the map, average pooling.

    Args:
        stem: Channels of the first convolution.
        widths: Channels of each stage.
        norm: `"batch"`, or `"group"` (8 groups): without batch statistics, for very small or mixed batches.
        dropout: Probability of dropping a feature after the pooling.
    """

    def __init__(
        self,
        stem: int = 32,
        widths: Sequence[int] = (64, 128, 192),
        norm: Norm = "batch",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.width = widths[-1]
        self.stem = nn.Sequential(
            nn.Conv2d(3, stem, 3, padding=1, bias=False),
            _norm(norm, stem),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        channels = (stem, *widths)
        self.stages = nn.ModuleList(
            _Unit(c, d, 1 if position == 0 else 2, norm) for position, (c, d) in enumerate(pairwise(channels))
        )
        self.pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the map after each stage; at 48 pixels 24, 12 and 6 wide."""
        maps, x = [], self.stem(images)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, D) features of (B, 3, H, W) normalised images."""
        features: Tensor = self.pool(self.stage_maps(images)[-1])
        return features


class _Unit(nn.Module):
    def __init__(self, c: int, d: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.Conv2d(c, d, 3, stride, 1, bias=False),
            _norm(norm, d),
            nn.ReLU(inplace=True),
            nn.Conv2d(d, d, 3, 1, 1, bias=False),
            _norm(norm, d),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(c, d, 1, stride, bias=False), _norm(norm, d))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.activation(self.residual(x) + self.shortcut(x))
        return y


def _norm(kind: Norm, channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels) if kind == "batch" else nn.GroupNorm(8, channels)


BACKBONES: dict[str, Callable[..., Backbone]] = {"small_cnn": SmallCNN}
