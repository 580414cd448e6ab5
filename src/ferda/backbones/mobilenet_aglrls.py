"""The widened MobileNet-V2 of the CD-FER benchmark, AGRA and AGLRLS.

Sandler et al., "MobileNetV2", CVPR 2018, gave the inverted residual; these authors left out the stem, so
that the first depthwise convolution works on the three colours, and widened the four stages to 64, 128, 256
and 512 channels. It is small on disk, not fast on a CPU.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from ferda.backbones.base import Backbone, StagedBackbone
from ferda.backbones.upstream_aglrls import stage_names

#: Rows (expansion, channels out, units, stride of the first) of each stage.
_STAGES = (
    ((1, 64, 1, 1), (6, 64, 2, 2)),
    ((6, 128, 3, 2),),
    ((6, 256, 4, 2), (6, 256, 3, 1)),
    ((6, 512, 3, 2), (6, 512, 1, 1)),
)
_LOCAL = ((6, 256, 4, 2), (6, 512, 3, 2))


class InvertedResidual(nn.Module):
    """Pointwise wider, depthwise, pointwise narrow; plus the input where shapes allow.

    Args:
        c: Channels in.
        d: Channels out.
        expansion: Width inside, as a multiple of `c`; 1 leaves the first pointwise convolution out.
        stride: Of the depthwise convolution.
    """

    def __init__(self, c: int, d: int, expansion: int, stride: int) -> None:
        super().__init__()
        inside = c * expansion
        wider = [_convolution(c, inside, 1)] if expansion != 1 else []
        self.layers = nn.Sequential(
            *wider,
            _convolution(inside, inside, 3, stride, groups=inside),
            nn.Conv2d(inside, d, 1, bias=False),
            nn.BatchNorm2d(d),
        )
        self.has_shortcut = stride == 1 and c == d

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H / stride, W / stride) of (B, c, H, W)."""
        y: Tensor = self.layers(x)
        return x + y if self.has_shortcut else y


class MobileNetAGLRLS(StagedBackbone):
    """Four stages of inverted residuals; features are the mean over the last map."""

    shares_local_trunk = True

    def __init__(self) -> None:
        super().__init__()
        self.widths = tuple(rows[-1][1] for rows in _STAGES)
        self.width = self.widths[-1]
        channels = (3, *self.widths)
        self.stages = nn.ModuleList(
            _inverted_residuals(c, rows) for c, rows in zip(channels, _STAGES, strict=False)
        )

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the four stage maps; at 112 pixels 56, 28, 14 and 7 wide."""
        maps, x = [], images
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict with AGLRLS's names (`layer1.0.conv...`), or ours, under our names."""
        return stage_names(state)

    def local_trunk(self) -> nn.Sequential:
        """Make layers that take windows of the second stage's map the way of stages three and four."""
        return _inverted_residuals(self.widths[1], _LOCAL)


def _convolution(c: int, d: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    convolution = nn.Conv2d(c, d, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(d), nn.ReLU6(inplace=True))


def _inverted_residuals(c: int, rows: tuple[tuple[int, int, int, int], ...]) -> nn.Sequential:
    units = []
    for expansion, d, count, stride in rows:
        for position in range(count):
            units.append(InvertedResidual(c, d, expansion, stride if position == 0 else 1))
            c = d
    return nn.Sequential(*units)


BACKBONES: dict[str, Callable[..., Backbone]] = {"mobilenet_aglrls": MobileNetAGLRLS}
