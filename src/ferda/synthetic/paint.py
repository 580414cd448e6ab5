"""Where on a face things are painted: maps over the frontal plane of the neutral head.

Every pixel knows which point of the head *at rest* it shows. So a lip, a brow or a wrinkle is a picture in
the (x, y) plane of the resting face, drawn once per geometry from the 68 landmarks, and it follows the skin
into any expression and pose by itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.geometry import FaceGeometry

#: Cells per unit of length, and the corner of the maps.
RESOLUTION = 24
LEFT, TOP, RIGHT, BOTTOM = -10.0, 14.0, 10.0, -12.0

FloatMap = NDArray[np.float32]


@dataclass(frozen=True)
class PaintMaps:
    """Frontal maps (rows, columns) of one geometry, plus the eyes.

    Attributes:
        maps: Name -> map; `lips beard blush` are shares in 0..1, `brow_across brow_along lash` are lengths,
            the rest are creases in 0..1 that single muscles deepen.
        eye_centre: (2, 3) centres of the subject's right and left eyeball at rest.
        eye_radius: Their mean radius.
    """

    maps: dict[str, FloatMap]
    eye_centre: NDArray[np.float32]
    eye_radius: float

    def cells(self, rest: NDArray[np.float32]) -> NDArray[np.int64]:
        """Flat map cells (M,) of resting positions; positions outside go to the border.

        Args:
            rest: (M, 3) positions on the neutral head.
        """
        rows, columns = self.maps["lips"].shape
        column = ((rest[:, 0] - LEFT) * RESOLUTION).astype(np.int64).clip(0, columns - 1)
        row = ((TOP - rest[:, 1]) * RESOLUTION).astype(np.int64).clip(0, rows - 1)
        return row * columns + column


def paint_maps(geometry: FaceGeometry) -> PaintMaps:
    """Draw all maps of a geometry from its landmarks.

    Args:
        geometry: The head.
    """
    points = geometry.neutral[geometry.landmark68][:, :2].astype(np.float64)
    eyes = float(np.linalg.norm(points[42:48].mean(0) - points[36:42].mean(0)))
    grid = _grid()
    maps = {
        "lips": _lips(points, eyes, grid),
        **_brows(points, eyes, grid),
        "lash": _nearest([_smooth(points[36:40]), _smooth(points[42:46])], grid)[0],
        "lower_lash": _nearest([_smooth(points[[39, 40, 41, 36]]), _smooth(points[[45, 46, 47, 42]])], grid)[
            0
        ],
        "lid": _lids(points, eyes, grid),
        "beard": _beard(points, eyes, grid),
        "blush": _blobs([points[[2, 48]].mean(0), points[[14, 54]].mean(0)], 0.26 * eyes, grid),
        "nose": _blobs([points[30]], 0.2 * eyes, grid),
        "nostrils": _blobs([points[31:33].mean(0), points[34:36].mean(0)], 0.05 * eyes, grid),
    }
    maps |= _creases(points, eyes, grid)
    centres, radii = zip(*(_eyeball(geometry, side) for side in ("Right", "Left")), strict=True)
    return PaintMaps(
        {name: value.astype(np.float32) for name, value in maps.items()},
        np.stack(centres).astype(np.float32),
        float(np.mean(radii)),
    )


def _grid() -> NDArray[np.float64]:
    x = np.arange(LEFT, RIGHT, 1 / RESOLUTION)
    y = np.arange(TOP, BOTTOM, -1 / RESOLUTION)
    return np.stack(np.meshgrid(x, y), axis=-1)


def _eyeball(geometry: FaceGeometry, side: str) -> tuple[NDArray[np.float32], float]:
    used = np.unique(geometry.triangles[geometry.of_material(f"M_Sclera{side}")])
    points = geometry.neutral[used]
    low, high = points.min(0), points.max(0)
    radius = float((high[1] - low[1]) / 2)
    centre = (low + high) / 2
    centre[2] = high[2] - 1.08 * radius
    return centre, radius


def _smooth(points: NDArray[np.float64], steps: int = 8) -> NDArray[np.float64]:
    """Catmull-Rom curve through the points."""
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    pieces = []
    for a, b, c, d in zip(padded, padded[1:], padded[2:], padded[3:], strict=False):
        cubic = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        pieces.append(0.5 * (2 * b + (c - a) * t + cubic))
    return np.concatenate([*pieces, points[-1:]])


def _nearest(
    lines: list[NDArray[np.float64]], grid: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distance to the nearest of the lines, and how far along that line (0..1) the nearest point lies."""
    best = np.full(grid.shape[:2], 99.0, dtype=np.float32)
    along = np.zeros_like(best)
    for line in lines:
        rows, columns = _window(line, grid.shape[:2])
        near, share, local = best[rows, columns], along[rows, columns], grid[rows, columns]
        for k, (start, end) in enumerate(pairwise(line)):
            step = end - start
            part = (((local - start) @ step) / max(float(step @ step), 1e-12)).clip(0, 1)
            x, y = (local[..., axis] - start[axis] - part * step[axis] for axis in range(2))
            distance = np.sqrt(x * x + y * y)
            closer = distance < near
            near[closer] = distance[closer]
            share[closer] = (k + part[closer]) / (len(line) - 1)
    return best.astype(np.float64), along.astype(np.float64)


def _window(line: NDArray[np.float64], shape: tuple[int, ...]) -> tuple[slice, slice]:
    """The part of the maps within a unit of a line; farther away nothing is painted."""
    low, high = line.min(0) - 1.0, line.max(0) + 1.0
    columns = slice(
        max(int((low[0] - LEFT) * RESOLUTION), 0), min(int((high[0] - LEFT) * RESOLUTION), shape[1])
    )
    rows = slice(max(int((TOP - high[1]) * RESOLUTION), 0), min(int((TOP - low[1]) * RESOLUTION), shape[0]))
    return rows, columns


def _blobs(
    centres: list[NDArray[np.float64]], width: float, grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    squares = [((grid - centre) ** 2).sum(-1) for centre in centres]
    return np.exp(-np.minimum.reduce(squares) / (2 * width**2))


def _polygon(points: NDArray[np.float64], softness: float, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    cells = np.stack([(points[:, 0] - LEFT), (TOP - points[:, 1])], axis=1) * RESOLUTION
    mask = np.zeros(grid.shape[:2], dtype=np.float32)
    cv2.fillPoly(mask, [np.round(cells).astype(np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), softness * RESOLUTION).astype(np.float64)


def _lips(points: NDArray[np.float64], eyes: float, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    upper, lower = points[48:55].copy(), points[[54, 55, 56, 57, 58, 59, 48]].copy()
    lower[1:-1, 1] -= 0.03 * eyes
    return _polygon(np.concatenate([_smooth(upper), _smooth(lower)]), 0.018 * eyes, grid)


def _brows(
    points: NDArray[np.float64], eyes: float, grid: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """`brow_across`: distance over the local half width, 1 at the edge; `brow_along`: 0 at the nose."""
    right, left = _smooth(points[[21, 20, 19, 18, 17]]), _smooth(points[22:27])
    distance, along = _nearest([right, left], grid)
    width = eyes * (0.062 - 0.045 * along**1.5)
    width *= 0.65 + 0.35 * np.minimum(along / 0.12, 1)
    return {"brow_across": distance / width, "brow_along": along}


def _lids(points: NDArray[np.float64], eyes: float, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """The crease above the eye, where the lid folds."""
    lines = [
        _smooth(points[rows]) + np.array([0.0, 0.075 * eyes]) for rows in ([36, 37, 38, 39], [42, 43, 44, 45])
    ]
    return np.exp(-((_nearest(lines, grid)[0] / (0.022 * eyes)) ** 2))


def _beard(points: NDArray[np.float64], eyes: float, grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where a beard grows: jaw, chin and upper lip, not the cheeks, not the lips."""
    cheek = np.array(
        [points[2], (points[2] + points[48]) / 2 + (0, 0.05 * eyes), points[31] - (0, 0.1 * eyes)]
    )
    other = np.array(
        [points[35] - (0, 0.1 * eyes), (points[14] + points[54]) / 2 + (0, 0.05 * eyes), points[14]]
    )
    below = np.array(
        [[points[14, 0] * 1.1, points[8, 1] - eyes * 0.45], [points[2, 0] * 1.1, points[8, 1] - eyes * 0.45]]
    )
    area = _polygon(np.concatenate([cheek, other, below]), 0.07 * eyes, grid)
    return area * (1 - _polygon(_smooth(points[48:60]), 0.02 * eyes, grid)).clip(0, 1)


def _creases(
    points: NDArray[np.float64], eyes: float, grid: NDArray[np.float64]
) -> dict[str, NDArray[np.float64]]:
    """Lines that muscles draw into the skin: forehead, between the brows, beside nose and eyes, the chin."""
    brow, nose = points[17:27].mean(0), points[27]
    forehead = [
        np.array([(x * eyes * 0.55, brow[1] + eyes * (height + 0.05 * x**2)) for x in np.linspace(-1, 1, 9)])
        for height in (0.22, 0.38, 0.54)
    ]
    frown = [
        np.array([(side * 0.09 * eyes, nose[1] + 0.12 * eyes), (side * 0.12 * eyes, brow[1] + 0.10 * eyes)])
        for side in (-1, 1)
    ]
    cheeks = [
        _smooth(np.array([points[31] + (-0.10 * eyes, 0.12 * eyes), points[48] + (-0.12 * eyes, 0.26 * eyes),
                          points[48] + (-0.13 * eyes, -0.04 * eyes)]))
    ]  # fmt: skip
    cheeks.append(cheeks[0] * (-1, 1))
    crow = [
        np.array([points[36] + (-0.07 * eyes, 0), points[36] + (-0.22 * eyes, rise * eyes)])
        for rise in (0.09, 0.0, -0.09)
    ]
    crow += [line * (-1, 1) for line in crow]
    bridge = [np.array([points[28] + (-0.13 * eyes, 0.1 * eyes), points[28] + (0.13 * eyes, 0.1 * eyes)])]
    chin = [
        np.array(
            [points[57] + (x * eyes, -0.14 * eyes - 0.6 * x**2 * eyes) for x in np.linspace(-0.2, 0.2, 5)]
        )
    ]
    widths = {"forehead": 0.024, "frown": 0.028, "cheeks": 0.04, "crow": 0.018, "bridge": 0.025, "chin": 0.03}
    lines = {
        "forehead": forehead,
        "frown": frown,
        "cheeks": cheeks,
        "crow": crow,
        "bridge": bridge,
        "chin": chin,
    }
    return {
        name: np.exp(-((_nearest(found, grid)[0] / (widths[name] * eyes)) ** 2))
        for name, found in lines.items()
    }
