"""Dynamic coordinate attention (OSA): each face says along which axes its map is looked at.

Coordinate attention pools along rows and columns whatever the head does. Here a small network chooses, for
every face, D angles and scales; the map is sampled along each pair of turned axes, and what is seen there
becomes attention. Where the authors' program differs is told at the options of
`DynamicCoordinateAttention`.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Layout = Literal["per_sample", "upstream_mixed"]
GridOrder = Literal["row_first", "xy"]


def turned_grid(angle: Tensor, scale: Tensor, height: int, width: int, order: GridOrder) -> Tensor:
    """Return where turned axes sample a map, as `grid_sample` takes it: x and y from -1 to 1.

    With base point g = (u, v) the place is q = s (cos t g_0 - sin t g_1, sin t g_0 + cos t g_1).

    Args:
        angle: (*) t in radians.
        scale: (*) s.
        height: Of the map.
        width: Of the map.
        order: `xy`: u is the column's place and v the row's, so t turns. `row_first`: the other way round,
            as the authors have it; then the map is mirrored and turned, t = pi/2 being the mirror image.

    Returns:
        (*, H, W, 2).
    """
    rows = torch.linspace(-1, 1, height, dtype=angle.dtype, device=angle.device).unsqueeze(1)
    columns = torch.linspace(-1, 1, width, dtype=angle.dtype, device=angle.device)
    first, second = (rows, columns) if order == "row_first" else (columns, rows)
    cos, sin = ((scale * turn)[..., None, None] for turn in (angle.cos(), angle.sin()))
    return torch.stack(torch.broadcast_tensors(cos * first - sin * second, sin * first + cos * second), -1)


class DynamicCoordinateAttention(nn.Module):
    """Attention from a map sampled along D pairs of axes of its own choice.

        t_d = pi sigmoid(a_d),  s_d = 1/2 + sigmoid(b_d),   (a, b) from the pooled map,
        A_d = sigmoid(W_d ReLU(BN(W x(q_d) + c)) + c_d),    out = x sum_d sigmoid(w_d) A_d.

    At the start t is near pi/2 and s near 1: with `row_first` it begins by looking at the mirrored face. The
    fusion's factors do not sum to one. W is applied before the sampling, which is the same (sampling is
    linear and knows no channels) and samples 16 instead of 512 channels.

    Args:
        channels: C.
        directions: D.
        reduction: Inner layers have `C // reduction` channels, W at least 8.
        layout: `per_sample`: a face is judged by its own map. `upstream_mixed`: direction d of face n has the
            map number d B + n of a list in which the faces' directions stand one after the other, which is
            that of another face of the batch; the authors' program does this, so its answers depend on the
            rest of the batch.
        order: See `turned_grid`.
    """

    def __init__(
        self,
        channels: int,
        directions: int = 4,
        reduction: int = 32,
        layout: Layout = "per_sample",
        order: GridOrder = "row_first",
    ) -> None:
        super().__init__()
        self.directions = directions
        self.layout = layout
        self.order: GridOrder = order
        narrow, inner = max(1, channels // reduction), max(8, channels // reduction)
        self.aim = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(channels, narrow, 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(narrow, 2 * directions, 1),
        )
        self.squeeze = nn.Conv2d(channels, inner, 1)
        self.norm = nn.BatchNorm2d(inner)
        self.expand = nn.Conv2d(directions * inner, directions * channels, 1, groups=directions)
        self.fusion = nn.Parameter(torch.full((directions,), 1 / directions))

    def axes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the angles in radians, 0 to pi, and the scales, 1/2 to 3/2, both (B, D) float32 or better.

        Args:
            x: (B, C, H, W).
        """
        chosen = self.aim(x).flatten(1).unflatten(1, (self.directions, 2))
        angle, scale = chosen.to(torch.promote_types(chosen.dtype, torch.float32)).sigmoid().unbind(2)
        return math.pi * angle, 0.5 + scale

    def maps(self, x: Tensor) -> Tensor:
        """Return the attention (B, D, C, H, W) of each direction, before the fusion.

        Args:
            x: (B, C, H, W).
        """
        B, C, H, W = x.shape
        grid = turned_grid(*self.axes(x), H, W, self.order)
        narrow = F.conv2d(x, self.squeeze.weight).to(grid.dtype)
        # all directions of a face at once: their grids lie below one another
        seen = F.grid_sample(narrow, grid.flatten(1, 2), align_corners=False)  # (B, inner, D H, W)
        assert self.squeeze.bias is not None
        seen = self.norm(seen + self.squeeze.bias[:, None, None]).relu().unflatten(2, (self.directions, H))
        if self.layout == "upstream_mixed":
            flat = seen.transpose(1, 2).flatten(0, 1)  # (B D, inner, H, W)
            seen = flat.unflatten(0, (self.directions, B)).permute(1, 2, 0, 3, 4)
        seen = seen.transpose(1, 2).flatten(1, 2)  # (B, D inner, H, W)
        attention: Tensor = self.expand(seen.to(x.dtype)).sigmoid().view(B, self.directions, C, H, W)
        return attention

    def fuse(self, x: Tensor, maps: Tensor) -> Tensor:
        """Return the map times the weighted sum of the directions' attention.

        Args:
            x: (B, C, H, W).
            maps: (B, D, C, H, W) from `maps`.
        """
        return x * torch.einsum("d,bdchw->bchw", self.fusion.sigmoid().to(maps.dtype), maps)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) of (B, C, H, W)."""
        return self.fuse(x, self.maps(x))
