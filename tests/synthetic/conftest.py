"""A small head made by formulas: the tests need no geometry from outside."""

import numpy as np
import pytest

from ferda.synthetic.action_units import ACTION_UNITS
from ferda.synthetic.geometry import FaceGeometry

CENTRE, RADII = np.array([0.0, 1.5, 1.0]), np.array([8.5, 13.0, 10.5])
MIDDLE = (
    "jawOpen",
    "jawForward",
    "mouthShrugLower",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthPucker",
    "mouthShrugUpper",
)
SIDED = (
    *(shape for shapes in ACTION_UNITS.values() for shape in shapes if shape not in MIDDLE),
    *("mouthDimple", "eyeLookOut", "eyeLookIn", "eyeLookUp", "eyeLookDown"),
)
PLACES = {"brow": 6.2, "eye": 3.5, "cheek": 1.5, "nose": -0.5, "mouth": -3.5, "jaw": -5.5}


def _ball(centre, radii, rows, columns):
    """Vertices and outward triangles of an ellipsoid."""
    polar, azimuth = np.meshgrid(
        np.linspace(0.02, np.pi - 0.02, rows),
        np.linspace(0, 2 * np.pi, columns, endpoint=False),
        indexing="ij",
    )
    unit = np.stack([np.sin(polar) * np.sin(azimuth), np.cos(polar), np.sin(polar) * np.cos(azimuth)], -1)
    corner = np.arange(rows * columns).reshape(rows, columns)
    right = np.roll(corner, -1, axis=1)
    a, b, c, d = corner[:-1], corner[1:], right[1:], right[:-1]
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4)
    return (centre + radii * unit).reshape(-1, 3), quads


def _landmarks():
    """68 places (x, y) of an average face."""
    turn = np.linspace(-1.35, 1.35, 17)
    jaw = np.stack([7.3 * np.sin(turn), 3.7 - 11.2 * np.cos(turn) + 2.5], 1)
    brow = np.stack([np.linspace(1.2, 5.8, 5), [5.9, 6.3, 6.3, 6.0, 5.2]], 1)
    bridge = np.stack([np.zeros(4), np.linspace(3.7, 0.4, 4)], 1)
    base = np.stack([np.linspace(-1.25, 1.25, 5), np.full(5, -1.1)], 1)
    eye = np.array([[1.84, 3.25], [2.78, 3.94], [3.87, 3.87], [4.46, 3.43], [3.86, 3.07], [2.73, 3.08]])
    upper = [[-2.5, -3.5], [-1.7, -2.8], [-0.7, -2.4], [0, -2.5], [0.7, -2.4], [1.7, -2.8], [2.5, -3.5]]
    outer = np.array([*upper, [1.8, -4.1], [1, -4.3], [0, -4.4], [-1, -4.3], [-1.8, -4.1]])
    inner = np.array(
        [[-2.2, -3.5], [-1, -3.3], [0, -3.3], [1, -3.3], [2.2, -3.5], [1, -3.5], [0, -3.5], [-1, -3.5]]
    )
    flip = np.array([-1, 1])
    right_brow, right_eye = brow[::-1] * flip, eye[[3, 2, 1, 0, 5, 4]] * flip
    return np.concatenate([jaw, right_brow, brow, bridge, base, right_eye, eye, outer, inner])


@pytest.fixture(scope="session")
def quads():
    """Vertices, polygons and material of each polygon of the small head."""
    head, head_quads = _ball(CENTRE, RADII, 44, 72)
    parts, polygons, materials = [head], [head_quads], ["M_Face"] * len(head_quads)
    for side, sign in (("Right", -1), ("Left", 1)):
        x, y = 3.1 * sign, 3.5
        surface = CENTRE[2] + RADII[2] * np.sqrt(1 - (x / RADII[0]) ** 2 - ((y - CENTRE[1]) / RADII[1]) ** 2)
        eye, eye_quads = _ball(np.array([x, y, surface - 0.6]), np.full(3, 1.4), 20, 24)
        polygons.append(eye_quads + sum(len(part) for part in parts))
        parts.append(eye)
        materials += [f"M_Sclera{side}"] * len(eye_quads)
    return np.concatenate(parts).astype(np.float32), np.concatenate(polygons), materials


@pytest.fixture(scope="session")
def head(quads):
    """The small head with every shape that expressions need and four identity modes."""
    vertices, polygons, materials = quads
    names = sorted(set(materials))
    triangles = np.concatenate([polygons[:, [0, 1, 2]], polygons[:, [0, 2, 3]]], axis=1).reshape(-1, 3)
    material = np.repeat([names.index(name) for name in materials], 2)
    flat = _landmarks()
    front = np.flatnonzero((vertices[:, 2] > 3) & (np.arange(len(vertices)) < 44 * 72))
    landmarks = [front[np.argmin(((vertices[front, :2] - place) ** 2).sum(1))] for place in flat]
    shapes = sorted({*MIDDLE, *(f"{shape}_{side}" for shape in SIDED for side in "LR")})
    rows, deltas, offsets = [], [], [0]
    for k, shape in enumerate(shapes):
        height = next(place for word, place in PLACES.items() if shape.startswith(word))
        near = np.abs(vertices[:, 1] - height) < 1.5
        near &= vertices[:, 2] > 5
        if shape.endswith(("_L", "_R")):
            near &= (vertices[:, 0] > 0) == shape.endswith("_L")
        rows.append(np.flatnonzero(near & (np.arange(len(vertices)) < 44 * 72)))
        deltas.append(np.tile([[0.0, 0.5 * np.cos(k), 0.5 * np.sin(k)]], (len(rows[-1]), 1)))
        offsets.append(offsets[-1] + len(rows[-1]))
    waves = np.stack([np.sin(vertices * (k + 1) / 9.0) * 0.3 for k in range(4)])
    return FaceGeometry(
        neutral=vertices.copy(),
        triangles=triangles.astype(np.int64),
        material=material.astype(np.uint8),
        material_names=tuple(names),
        expression_names=tuple(shapes),
        expression_offset=np.array(offsets),
        expression_vertex=np.concatenate(rows),
        expression_delta=np.concatenate(deltas).astype(np.float32),
        identity_delta=waves.astype(np.float32),
        landmark68=np.array(landmarks),
    )
