"""IR networks: the residual networks of face recognition, with a batch norm first and PReLU inside.

Deng et al., "ArcFace", CVPR 2019, describe the unit; the CD-FER benchmark, AGRA and AGLRLS start from such
networks trained on MS-Celeb-1M and call them ResNet-50 and ResNet-18. No activation follows the sum, and a
unit that keeps its width takes every second pixel as its shortcut. `ir_small` is the same at a size that one
CPU core trains at 48 to 64 pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn

from ferda.backbones.base import Backbone, StagedBackbone
from ferda.backbones.upstream_aglrls import counted_through, stage_names


class IRUnit(nn.Module):
    """`BN - conv - PReLU - conv (stride) - BN`, plus the shortcut.

    Args:
        c: Channels in.
        d: Channels out.
        stride: Of the second convolution and the shortcut.
    """

    def __init__(self, c: int, d: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(c),
            nn.Conv2d(c, d, 3, 1, 1, bias=False),
            nn.PReLU(d),
            nn.Conv2d(d, d, 3, stride, 1, bias=False),
            nn.BatchNorm2d(d),
        )
        self.stride = stride
        self.shortcut = None
        if c != d:
            self.shortcut = nn.Sequential(nn.Conv2d(c, d, 1, stride, bias=False), nn.BatchNorm2d(d))

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H / stride, W / stride) of (B, c, H, W)."""
        if self.shortcut is not None:
            short = self.shortcut(x)
        else:
            short = x[:, :, :: self.stride, :: self.stride] if self.stride > 1 else x
        y: Tensor = self.residual(x) + short
        return y


def ir_stage(c: int, d: int, units: int) -> nn.Sequential:
    """Return units of which the first halves the map.

    Args:
        c: Channels in.
        d: Channels out.
        units: How many.
    """
    return nn.Sequential(IRUnit(c, d, 2), *(IRUnit(d, d) for _ in range(units - 1)))


class IRNetwork(StagedBackbone):
    """Stem at full resolution, four stages; features are the mean over the last map.

    Args:
        widths: Channels of the stages; the stem has those of the first.
        units: Units of the stages.
        local_units: Units of each of the two stages of a local trunk.
        shares_local_trunk: Whether the landmarks share one local trunk.
    """

    def __init__(
        self,
        widths: Sequence[int] = (64, 128, 256, 512),
        units: Sequence[int] = (3, 4, 14, 3),
        local_units: int = 2,
        shares_local_trunk: bool = False,
    ) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.width = self.widths[-1]
        self.units = tuple(units)
        self.local_units = local_units
        self.shares_local_trunk = shares_local_trunk
        first = self.widths[0]
        self.stem = nn.Sequential(
            nn.Conv2d(3, first, 3, 1, 1, bias=False), nn.BatchNorm2d(first), nn.PReLU(first)
        )
        channels = pairwise((first, *self.widths))
        self.stages = nn.ModuleList(ir_stage(c, d, n) for (c, d), n in zip(channels, units, strict=True))

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the four stage maps; at 112 pixels 56, 28, 14 and 7 wide."""
        maps, x = [], self.stem(images)
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict of this network, or of a face recogniser of the same shape, under our names.

        Args:
            state: Keys of ours, `layer1.0.res_layer...` as in AGLRLS, or `body.0.res_layer...` counted
                through all stages as in face recognition.
        """
        return stage_names(counted_through(state, self.units))

    def local_trunk(self) -> nn.Sequential:
        """Make layers that take windows of the second stage's map the way of stages three and four."""
        return nn.Sequential(
            *(unit for c, d in pairwise(self.widths[1:]) for unit in ir_stage(c, d, self.local_units))
        )


def ir50(**options: Any) -> IRNetwork:
    """Return the network that CD-FER papers call ResNet-50."""
    return IRNetwork(units=(3, 4, 14, 3), **options)


def ir18(**options: Any) -> IRNetwork:
    """Return the network that CD-FER papers call ResNet-18."""
    return IRNetwork(units=(2, 2, 2, 2), **options)


def ir_small(widths: Sequence[int] = (24, 48, 96, 192), **options: Any) -> IRNetwork:
    """Return a network of 0.7 M weights for pictures of 48 to 64 pixels; its landmarks share a trunk.

    Args:
        widths: Channels of the stages.
        **options: Further options of `IRNetwork`.
    """
    chosen: dict[str, Any] = {"units": (1, 1, 1, 1), "local_units": 1, "shares_local_trunk": True}
    return IRNetwork(widths, **(chosen | options))


BACKBONES: dict[str, Callable[..., Backbone]] = {"ir50": ir50, "ir18": ir18, "ir_small": ir_small}
