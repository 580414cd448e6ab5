"""The three residual units of MA-Net: plain, with attention, and at many scales.

Each goes around itself by a shortcut. The plain unit is ResNet's. The attentive unit weighs its channels and
places before the sum (`ferda.layers.cbam`). The multi-scale unit has, in place of the second convolution, two
paths through groups of its channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from ferda.errors import UserError
from ferda.layers.cbam import CBAM

SecondPath = Literal["reverse", "legacy"]
SCALES = 4


def stage(
    make: Callable[[int, int, int], nn.Module], c: int, d: int, units: int, stride: int = 1
) -> nn.Module:
    """Make units in a row.

    Args:
        make: Of channels in, channels out and stride.
        c: Channels in.
        d: Channels out.
        units: How many.
        stride: Of the first.
    """
    return nn.Sequential(make(c, d, stride), *(make(d, d, 1) for _ in range(units - 1)))


def shortcut(c: int, d: int, stride: int) -> nn.Module:
    """Make the way around a unit: nothing, or a 1x1 convolution where width or size change.

    Args:
        c: Channels in.
        d: Channels out.
        stride: Of the unit.
    """
    if stride == 1 and c == d:
        return nn.Identity()
    return nn.Sequential(nn.Conv2d(c, d, 1, stride, bias=False), nn.BatchNorm2d(d))


class PlainUnit(nn.Module):
    """`conv - BN - ReLU - conv - BN`, plus the shortcut, then ReLU.

    Args:
        c: Channels in.
        d: Channels out.
        stride: Of the first convolution and the shortcut.
    """

    def __init__(self, c: int, d: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(c, d, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(d)
        self.conv2 = nn.Conv2d(d, d, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(d)
        self.shortcut = shortcut(c, d, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H / stride, W / stride) of (B, c, H, W)."""
        return relu(self.residual(x) + self.shortcut(x))

    def residual(self, x: Tensor) -> Tensor:
        """Return what is added to the shortcut of (B, c, H, W)."""
        y: Tensor = self.bn2(self.conv2(relu(self.bn1(self.conv1(x)))))
        return y


class AttentiveUnit(PlainUnit):
    """A plain unit with CBAM in front of the sum.

    Args:
        c: Channels in.
        d: Channels out.
        stride: Of the first convolution and the shortcut.
    """

    def __init__(self, c: int, d: int, stride: int = 1) -> None:
        super().__init__(c, d, stride)
        self.attention = CBAM(d)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H / stride, W / stride) of (B, c, H, W)."""
        return self.attend(x)[0]

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `forward` does, and the attention over its places, (B, H / stride, W / stride).

        Args:
            x: (B, c, H, W).
        """
        attended = self.attention.attend(self.residual(x))
        return relu(attended.features + self.shortcut(x)), attended.spatial


class MultiScaleUnit(nn.Module):
    """One convolution, then two paths through four groups u1..u4 of its channels, added to the shortcut.

    On a path every group takes what the group before it made, so the last has seen the furthest:

        a1 = F(u1),   a_i = F(ReLU(a_{i-1}) + u_i),   F = BN - 3x3 convolution.

    Args:
        c: Channels in.
        d: Channels out, a multiple of 4.
        stride: Of the convolution and the shortcut.
        second_path: `reverse`: the second path goes from u4 to u1, so that every group sees far on one of
            them; `legacy`: from u1 to u4 like the first. The weights of both have equal names and shapes.
    """

    def __init__(self, c: int, d: int, stride: int = 1, second_path: SecondPath = "reverse") -> None:
        super().__init__()
        if d % SCALES:
            raise UserError(f"MA-Net's widths after the second must be multiples of {SCALES}, got {d}.")
        self.conv1 = nn.Conv2d(c, d, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(d)
        self.paths = nn.ModuleList(
            nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(d // SCALES, d // SCALES, 3, 1, 1, bias=False), nn.BatchNorm2d(d // SCALES)
                )
                for _ in range(SCALES)
            )
            for _ in range(2)
        )
        self.second_path = second_path
        self.shortcut = shortcut(c, d, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H / stride, W / stride) of (B, c, H, W)."""
        groups = relu(self.bn1(self.conv1(x))).chunk(SCALES, 1)
        there, back = ([*path.children()] for path in self.paths)
        first = _walk(there, groups)
        if self.second_path == "legacy":
            second = _walk(back, groups)
        else:
            second = _walk(back[::-1], groups[::-1])[::-1]
        both = torch.cat([one + other for one, other in zip(first, second, strict=True)], 1)
        return relu(both + self.shortcut(x))


def _walk(path: Sequence[nn.Module], groups: Sequence[Tensor]) -> list[Tensor]:
    found = [path[0](groups[0])]
    for step, group in zip(path[1:], groups[1:], strict=True):
        found.append(step(relu(found[-1]) + group))
    return found
