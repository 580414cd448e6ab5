"""Where the pixels of a view come from: affine maps, one resampling, and the landmarks that go along.

Maps work on coordinates that run from -1 at the left (top) edge of a square picture to 1 at its right
(bottom) edge. A map says, for a place in the view, which place of the original is seen there; so the map of
two moves in a row is `first @ second`, and any number of moves costs one resampling. Landmarks are in pixels
whose centres are whole numbers: the leftmost pixel has x = 0, and a mirror sends x to W - 1 - x.

Letters: `B` batch, `P` landmarks, `S` side of the picture in pixels.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ferda.data.device import sent
from ferda.data.view_options import Border, WeakView
from ferda.landmarks import mirror_order

_PADDING = {"black": "zeros", "edge": "border", "reflect": "reflection"}


def affine(xx: Tensor, xy: Tensor, x: Tensor, yx: Tensor, yy: Tensor, y: Tensor) -> Tensor:
    """Return the (B, 3, 3) maps whose first row is (xx, xy, x) and whose second is (yx, yy, y)."""
    zero, one = torch.zeros_like(xx), torch.ones_like(xx)
    return torch.stack((xx, xy, x, yx, yy, y, zero, zero, one), -1).view(-1, 3, 3)


def rotation(degrees: Tensor) -> Tensor:
    """Return (B, 3, 3) rotations about the centre; what is seen turns clockwise for positive angles."""
    radians = degrees * (math.pi / 180)
    cos, sin, zero = radians.cos(), radians.sin(), torch.zeros_like(radians)
    return affine(cos, sin, zero, -sin, cos, zero)


def scaling(x: Tensor, y: Tensor) -> Tensor:
    """Return (B, 3, 3) maps that show `x` times the width and `y` times the height; -1 mirrors."""
    zero = torch.zeros_like(x)
    return affine(x, zero, zero, zero, y, zero)


def translation(x: Tensor, y: Tensor) -> Tensor:
    """Return (B, 3, 3) maps that look `x` widths further right and `y` heights further down."""
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    return affine(one, zero, 2 * x, zero, one, 2 * y)


def shearing(x: Tensor, y: Tensor) -> Tensor:
    """Return (B, 3, 3) shears that keep the top left corner in its place, as Pillow's do."""
    one = torch.ones_like(x)
    return affine(one, x, x, y, one, y)


def weak_map(options: WeakView, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Turn uniform draws into the map of a weak view.

    Args:
        options: What may happen.
        draws: (B, 8) uniforms: mirror, chance, angle, zoom, zoom of y, aspect, shift of x, shift of y.

    Returns:
        (B, 3, 3) maps, and (B,) bool: which pictures are mirrored.
    """
    mirror, chance, angle, zoom, zoom_y, aspect, x, y = draws.unbind(1)
    width = _between(options.zoom, zoom)
    height = _between(options.zoom, zoom_y) if options.separate_axes else width
    if options.zoom_by == "area":
        width, height = width.sqrt(), height.sqrt()
    stretch = log_between(options.aspect, aspect).sqrt()
    width, height = width * stretch, height / stretch
    if options.inside:
        width, height = width.clamp(max=1), height.clamp(max=1)
        reach = (1 - width) / 2, (1 - height) / 2
    else:
        reach = torch.full_like(x, options.shift), torch.full_like(y, options.shift)
    moved = translation((2 * x - 1) * reach[0], (2 * y - 1) * reach[1])
    moved = moved @ rotation((2 * angle - 1) * options.rotate) @ scaling(width, height)
    maps = torch.where((chance < options.geometric)[:, None, None], moved, torch.eye(3))
    mirrored = mirror < options.mirror
    return maps @ scaling(1 - 2 * mirrored.float(), torch.ones_like(x)), mirrored


def _between(span: tuple[float, float], draws: Tensor) -> Tensor:
    return span[0] + (span[1] - span[0]) * draws


def log_between(span: tuple[float, float], draws: Tensor) -> Tensor:
    """Spread uniform draws evenly over a span of ratios, so that 1/2 is as likely as 2.

    Args:
        span: Lowest and highest ratio, both positive.
        draws: Uniforms of any shape.
    """
    return _between((math.log(span[0]), math.log(span[1])), draws).exp()


def warp(pictures: Tensor, maps: Tensor, size: int, border: Border, kept: Tensor | None = None) -> Tensor:
    """Resample pictures once through their maps.

    Args:
        pictures: (B, 3, S, S) float.
        maps: (B, 3, 3) on the pictures' device.
        size: Side of the result.
        border: What is seen outside the picture.
        kept: (B, 3, 3) maps from the result into a frame beyond which everything is black; None for no frame.

    Returns:
        (B, 3, size, size) float.
    """
    grid = _grid(maps, size)
    shown = F.grid_sample(pictures, grid, padding_mode=_PADDING[border], align_corners=False)
    return shown if kept is None else shown.mul_(_inside(kept, size)[:, None])


def _centres(maps: Tensor, size: int) -> Tensor:
    return (torch.arange(size, device=maps.device, dtype=torch.float32) * 2 + 1) / size - 1


def _inside(maps: Tensor, size: int) -> Tensor:
    """(B, size, size) float: 1 where the place that is seen lies inside the picture, else 0."""
    centres = _centres(maps, size)
    columns = maps[:, :2, 0, None, None] * centres  # (B, 2, 1, S)
    rows = maps[:, :2, 1, None, None] * centres[:, None] + maps[:, :2, 2, None, None]  # (B, 2, S, 1)
    (x, y) = (columns + rows).abs_().unbind(1)
    return (torch.maximum(x, y) <= 1 + 1e-6).float()


def _grid(maps: Tensor, size: int) -> Tensor:
    """Map every pixel centre; x and y travel as one complex number, which is ten times faster."""
    centres = _centres(maps, size)
    of_x, of_y, offset = torch.view_as_complex(maps[:, :2].transpose(1, 2).contiguous()).unbind(1)
    rows = of_y[:, None] * centres + offset[:, None]
    return torch.view_as_real((of_x[:, None] * centres)[:, None, :] + rows[:, :, None])  # (B, S, S, 2)


def move_points(points: Tensor, maps: Tensor, side: int, size: int) -> Tensor:
    """Find where landmarks of the original lie in the view; unknown ones (NaN) stay unknown.

    Args:
        points: (B, P, 2) pixels of a picture with sides of `side` pixels.
        maps: (B, 3, 3) on the points' device.
        side: Side of the original.
        size: Side of the view.

    Returns:
        (B, P, 2) pixels of the view.
    """
    places = (2 * points + 1) / side - 1
    (xx, xy, x), (yx, yy, y) = maps[:, 0].unbind(1), maps[:, 1].unbind(1)
    determinant = xx * yy - xy * yx
    inverse = torch.stack((yy, -xy, -yx, xx), -1).view(-1, 2, 2) / determinant[:, None, None]
    offset = torch.stack((x, y), -1)[:, None]
    return (((places - offset) @ inverse.transpose(1, 2) + 1) * size - 1) / 2


def swap_sides(points: Tensor, mirrored: Tensor) -> Tensor:
    """Give the landmarks of mirrored pictures their right names again.

    Args:
        points: (B, P, 2) with P of 5 or 68.
        mirrored: (B,) bool on the points' device.
    """
    order = sent(torch.tensor(mirror_order(points.shape[1])), points.device)
    return torch.where(mirrored[:, None, None], points[:, order], points)
