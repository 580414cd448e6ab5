"""MixedFeatureNet: the light network of DDAMFN, whose units look at a face with several kernel sizes at once.

Zhang et al., "A dual-direction attention mixed feature network for facial expression recognition",
Electronics 12(17), 2023. It is a MobileFaceNet (inverted residuals, PReLU, no activation after the last
convolution of a unit) with mixed depthwise kernels and coordinate attention inside every unit. DDAMFN and OSA
build on its last map, 512 channels of 7 x 7 at 112 pixels; trained to tell people apart, it ends in 256
numbers of length one. `mixed_feature_small` is the same at a size that one CPU core trains at 48 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from ferda.backbones.base import Backbone
from ferda.backbones.upstream_ddamfn import backbone_names
from ferda.layers.coordinate_attention import CoordinateAttention
from ferda.layers.mixed_depthwise import GlobalDepthwise, MixedDepthwise

#: Sides of a picture and of its last map: the stem and three stages halve it.
STRIDE = 16


class Kernels(NamedTuple):
    """Depthwise kernels of a unit.

    Attributes:
        sizes: Kernel sizes.
        shares: Shares of the channels, one for each size.
        expansion: Channels between the unit's 1x1 convolutions, as a multiple of its output's.
    """

    sizes: tuple[int, ...]
    shares: tuple[int, ...]
    expansion: int = 2


#: Of the unit that halves the map, and of the units after it, in each of the three stages.
_STAGES = (
    (Kernels((3, 5, 7), (2, 1, 1)), Kernels((3, 5), (3, 1))),
    (Kernels((3, 5, 7), (2, 1, 1)), Kernels((3, 5), (3, 1))),
    (Kernels((3, 5, 7, 9), (1, 1, 1, 1), 4), Kernels((3, 5, 7), (1, 1, 1))),
)


class MixedUnit(nn.Module):
    """Inverted residual: `1x1 - PReLU - mixed depthwise - coordinate attention - 1x1`, plus the shortcut.

    The depthwise part has neither batch norm nor activation; the authors' checkpoints hold weights for both,
    which their program never applies.

    Args:
        c: Channels in.
        d: Channels out.
        kernels: Of the depthwise part.
        stride: 2 halves the map and has no shortcut.
    """

    def __init__(self, c: int, d: int, kernels: Kernels, stride: int = 1) -> None:
        super().__init__()
        inner = kernels.expansion * d
        self.expand = _convolution(c, inner)
        self.depthwise = MixedDepthwise(inner, kernels.sizes, kernels.shares, stride)
        self.attention = CoordinateAttention(inner)
        self.project = nn.Sequential(nn.Conv2d(inner, d, 1, bias=False), nn.BatchNorm2d(d))
        self.has_shortcut = stride == 1 and c == d

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H / stride, W / stride) of (B, c, H, W)."""
        y: Tensor = self.project(self.attention(self.depthwise(self.expand(x))))
        return x + y if self.has_shortcut else y


class MixedFeatureNet(Backbone):
    """Stem, three stages of mixed units, a 1x1 convolution to the last map.

    The defaults are the paper's. Features are the mean over the last map or, with `embedding`, what a face
    recogniser makes of it: pooled by learnt weights, a linear layer, batch norm, and scaled to length one.

    Args:
        widths: Channels of the three stages and of the last map; the stem has those of the first stage.
        units: Units after the one that halves the map, in each stage.
        embedding: Width of a face recogniser's features; None ends in the mean.
        size: Side of the pictures in pixels; only a face recogniser must know it.

    Raises:
        ValueError: If there are not four widths and three numbers of units.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256, 512),
        units: Sequence[int] = (9, 16, 6),
        embedding: int | None = None,
        size: int = 112,
    ) -> None:
        super().__init__()
        if len(widths) != len(_STAGES) + 1 or len(units) != len(_STAGES):
            raise ValueError(f"four widths and three numbers of units are needed, got {widths} and {units}")
        *widths, last = widths
        first = widths[0]
        self.stem = nn.Sequential(
            _convolution(3, first, kernel=3, stride=2), _convolution(first, first, kernel=3, groups=first)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(MixedUnit(c, d, halving, 2), *(MixedUnit(d, d, plain) for _ in range(count)))
            for c, d, count, (halving, plain) in zip((first, *widths), widths, units, _STAGES, strict=False)
        )
        self.top = _convolution(widths[-1], last)
        self.width = embedding or last
        self.embedding: nn.Module | None = None
        if embedding is not None:
            self.embedding = nn.Sequential(
                GlobalDepthwise(last, -(-size // STRIDE)),
                nn.Linear(last, embedding, bias=False),
                nn.BatchNorm1d(embedding),
            )

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps of the stem and the stages; at 112 pixels 56, 28, 14 and 7 wide."""
        maps = [self.stem(images)]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        maps[-1] = self.top(maps[-1])
        return maps

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, D) features of (B, 3, H, W) normalised images."""
        last = self.stage_maps(images)[-1]
        return last.mean((2, 3)) if self.embedding is None else F.normalize(self.embedding(last), eps=0)

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of this network, or of the authors' recogniser or DDAMNet, under our names.

        Args:
            state: Keys of ours, `conv_3.model.0...` as in the recogniser, or `features.3.model.0...`.
        """
        return backbone_names(state)


def _convolution(c: int, d: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution, batch norm, and a PReLU with a slope for each channel."""
    return nn.Sequential(
        nn.Conv2d(c, d, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(d),
        nn.PReLU(d),
    )


def mixed_feature_small(
    widths: Sequence[int] = (32, 64, 128, 256), units: Sequence[int] = (1, 2, 1), **options: Any
) -> MixedFeatureNet:
    """Return a network of 0.3 M weights for pictures of 48 to 64 pixels.

    Args:
        widths: See `MixedFeatureNet`.
        units: See `MixedFeatureNet`.
        **options: Further options of `MixedFeatureNet`.
    """
    return MixedFeatureNet(widths, units, **options)


BACKBONES: dict[str, Callable[..., Backbone]] = {
    "mixed_feature_net": MixedFeatureNet,
    "mixed_feature_small": mixed_feature_small,
}
