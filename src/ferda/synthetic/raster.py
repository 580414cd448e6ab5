"""Which triangle does each pixel see? A z-buffer that works on whole arrays.

There is no loop over pixels or triangles. Triangles are sorted into a few groups by the size of their
bounding box on the screen; within a group every triangle offers the same small square of candidate pixels,
so that all edge tests are one array operation. Depth and triangle number are packed into one integer, and a
single unordered minimum settles who is in front: the result does not depend on the order of the triangles.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BOX_SIZES = (1, 2, 3, 5, 8, 16, 32, 64, 128, 256, 512, 1024)
_DEPTH_STEPS = 1 << 30
_EMPTY = np.iinfo(np.int64).max
_EDGE = -1e-4


@dataclass(frozen=True)
class Visible:
    """What the screen shows, one entry per covered pixel.

    Attributes:
        pixel: (M,) flat pixel numbers, ascending.
        triangle: (M,) row of the triangle in front.
        weights: (M, 3) barycentric weights of its corners.
        depth: (M,) distance from the camera.
    """

    pixel: NDArray[np.int64]
    triangle: NDArray[np.int64]
    weights: NDArray[np.float32]
    depth: NDArray[np.float32]

    def blend(self, triangles: NDArray[np.int64], values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Interpolate values of the vertices at each visible pixel.

        Args:
            triangles: (T, 3) the triangles given to `rasterise`.
            values: (V, A) one row per vertex.
        """
        corners = triangles[self.triangle]
        blended = values[corners[:, 0]] * self.weights[:, :1]
        blended += values[corners[:, 1]] * self.weights[:, 1:2]
        blended += values[corners[:, 2]] * self.weights[:, 2:]
        return blended


def rasterise(
    points: NDArray[np.float32],
    depth: NDArray[np.float32],
    triangles: NDArray[np.int64],
    *,
    width: int,
    height: int,
    two_sided: NDArray[np.bool_] | None = None,
) -> Visible:
    """Find the nearest triangle of every pixel.

    Args:
        points: (V, 2) screen positions in pixels; the centre of the first pixel is (0.5, 0.5).
        depth: (V,) distance from the camera, smaller is nearer.
        triangles: (T, 3) corners; the front shows its corners clockwise on a screen whose y points down.
        width: Columns of the screen.
        height: Rows of the screen.
        two_sided: (T,) triangles that are also seen from behind; none if left out.
    """
    rows, box = _candidates(points, triangles, width=width, height=height, two_sided=two_sided)
    near, far = (float(depth.min()), float(depth.max())) if depth.size else (0.0, 1.0)
    steps = (depth - near) * ((_DEPTH_STEPS - 1) / max(far - near, 1e-9))
    planes = _planes(points, steps, triangles[rows], box)
    buffer = np.full(width * height, _EMPTY, dtype=np.int64)
    extent = np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1])
    lower = 0
    for size in _BOX_SIZES:
        group = np.flatnonzero((extent > lower) & (extent <= size))
        lower = size
        if len(group):
            _splat(buffer, rows[group], box[group], planes[group], size, width)
    pixel = np.flatnonzero(buffer != _EMPTY)
    triangle = buffer[pixel] & 0xFFFFFFFF
    weights = _weights(points, triangles[triangle], pixel % width + 0.5, pixel // width + 0.5)
    seen = (depth[triangles[triangle]] * weights).sum(1)
    return Visible(pixel, triangle, weights.astype(np.float32), seen.astype(np.float32))


def _candidates(
    points: NDArray[np.float32],
    triangles: NDArray[np.int64],
    *,
    width: int,
    height: int,
    two_sided: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of the triangles that may cover a pixel centre, and their boxes (x0, y0, x1, y1), end excluded."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    facing = area < -1e-9
    if two_sided is not None:
        facing |= two_sided & (area > 1e-9)
    low = np.maximum(np.ceil(np.minimum(np.minimum(a, b), c) - 0.5 - 1e-3), 0)
    high = np.minimum(np.floor(np.maximum(np.maximum(a, b), c) - 0.5 + 1e-3) + 1, (width, height))
    rows = np.flatnonzero(facing & (high[:, 0] > low[:, 0]) & (high[:, 1] > low[:, 1]))
    return rows, np.concatenate([low[rows], high[rows]], axis=1).astype(np.int64)


def _planes(
    points: NDArray[np.float32],
    steps: NDArray[np.float32],
    corners: NDArray[np.int64],
    box: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Second weight, third weight and depth of triangles as linear functions of the place in their box.

    Each is value at the first pixel, change per column, change per row: (R, 3, 3).
    """
    a, b, c = (points[corners[:, corner]].astype(np.float64) for corner in range(3))
    first, second = b - a, c - a
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    start = box[:, :2] + 0.5 - a
    planes = np.empty((len(corners), 3, 3))
    planes[:, 0, 0] = (start[:, 0] * second[:, 1] - start[:, 1] * second[:, 0]) / area
    planes[:, 0, 1], planes[:, 0, 2] = second[:, 1] / area, -second[:, 0] / area
    planes[:, 1, 0] = (first[:, 0] * start[:, 1] - first[:, 1] * start[:, 0]) / area
    planes[:, 1, 1], planes[:, 1, 2] = -first[:, 1] / area, first[:, 0] / area
    near, other, last = (steps[corners[:, corner]].astype(np.float64)[:, None] for corner in range(3))
    planes[:, 2] = planes[:, 0] * (other - near) + planes[:, 1] * (last - near)
    planes[:, 2, 0] += near[:, 0]
    return planes


def _splat(
    buffer: NDArray[np.int64],
    rows: NDArray[np.int64],
    box: NDArray[np.int64],
    planes: NDArray[np.float64],
    size: int,
    width: int,
) -> None:
    """Offer a square of `size` pixels per triangle to the buffer."""
    column, row = np.arange(size)[None, None, :], np.arange(size)[None, :, None]
    place = planes[..., None, None]
    second, third, depth = (place[:, k, 0] + place[:, k, 1] * column + place[:, k, 2] * row for k in range(3))
    inside = (column < (box[:, 2] - box[:, 0])[:, None, None]) & (
        row < (box[:, 3] - box[:, 1])[:, None, None]
    )
    covered = inside & (second >= _EDGE) & (third >= _EDGE) & (second + third <= 1 - _EDGE)
    which, y, x = np.nonzero(covered)
    packed = depth[covered].clip(0, _DEPTH_STEPS - 1).astype(np.int64) << 32
    np.minimum.at(buffer, (box[which, 1] + y) * width + box[which, 0] + x, packed | rows[which])


def _weights(
    points: NDArray[np.float32],
    corners: NDArray[np.int64],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Barycentric weights (M, 3) of the positions within their triangles."""
    a, b, c = (points[corners[:, corner]].astype(np.float64) for corner in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    second = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (y - a[:, 1]) * (c[:, 0] - a[:, 0])) / area
    third = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (b[:, 1] - a[:, 1]) * (x - a[:, 0])) / area
    return np.stack([1 - second - third, second, third], axis=1)
