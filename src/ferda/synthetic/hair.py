"""Hair: the scalp swells, long hair hangs as a curtain, and strands are painted on both.

The mesh is bald. Where hair grows its vertices are moved outwards, by more on top than at the sides and by
nothing at the hairline, so that no extra surface is needed; only hair that falls below the ears gets one.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.noise import noise
from ferda.synthetic.subjects import Hair

#: Height of the hairline over the angle around the head (0 is the nose, pi the back).
_ANGLES = (0.0, 0.45, 0.75, 0.95, 1.08, 1.17, 1.25, 1.33, 1.9, 2.05, 2.35, 3.15)
_HEIGHTS = (10.7, 10.5, 9.4, 7.4, 5.2, 3.0, 3.0, 5.9, 5.9, 1.0, -3.0, -4.5)
_COLUMNS, _ROWS = 64, 22


def growth(rest: NDArray[np.float32], hair: Hair) -> NDArray[np.float32]:
    """Height above the hairline (M,): hair grows where it is positive.

    Args:
        rest: (M, 3) positions on the neutral head.
        hair: Whose hairline.
    """
    angle = np.arctan2(np.abs(rest[:, 0]), rest[:, 2] - 1.0)
    line = np.interp(angle, _ANGLES, _HEIGHTS)
    front = np.exp(-((angle / 0.62) ** 4))
    sweep = 0.35 * hair.line * np.clip(rest[:, 0] * np.sign(hair.parting) / 6.0, -1, 1)
    above = rest[:, 1] - line - front * (hair.line + sweep)
    ear = (np.abs(rest[:, 0]) > 7.75) & (rest[:, 1] < 6.2) & (np.abs(rest[:, 2] - 0.8) < 3.4)
    return np.where(ear, -2.0, above).astype(np.float32)


def swell(
    rest: NDArray[np.float32], normals: NDArray[np.float32], hair: Hair, *, seed: int
) -> NDArray[np.float32]:
    """Movement (V, 3) of the vertices of the head under their hair.

    Args:
        rest: (V, 3) the neutral head.
        normals: (V, 3) its normals.
        hair: The hair.
        seed: Place in the noise texture.
    """
    above = growth(rest, hair)
    rise = np.clip(above / 2.2, 0, 1)
    rise = rise * (2 - rise)
    upward = np.clip((rest[:, 1] - 7.0) / 6.0, 0, 1)
    thick = hair.side + (hair.top - hair.side) * upward
    part = 1 - 0.35 * np.exp(-(((rest[:, 0] - 4 * hair.parting) / 1.0) ** 2)) * (hair.fall > 0)
    rough = noise(rest[:, 0] * 9 + rest[:, 2] * 5, rest[:, 1] * 9 + rest[:, 2] * 4, seed=seed, exponent=0.6)
    amount = hair.grown * rise * (thick * part + hair.curl * rough * rise)
    direction = normals + np.array([0.0, 0.25, 0.0], dtype=np.float32) * upward[:, None]
    return (direction * amount[:, None]).astype(np.float32)


def curtain(hair: Hair, *, seed: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vertices (R*K, 3) and triangles of hair that falls behind and beside the face.

    Args:
        hair: The hair; `fall` says how long it is.
        seed: Place in the noise texture.
    """
    start = 1.22 + 0.12 * np.cos(seed)
    angle = np.linspace(start, 2 * np.pi - start, _COLUMNS)[None, :]
    part = np.linspace(0, 1, _ROWS)[:, None]
    ragged = noise(np.arange(_COLUMNS) * 17.0, np.zeros(_COLUMNS), seed=seed, exponent=0.5)[None, :]
    height = 9.0 - (9.0 + hair.fall + 0.35 * ragged) * part
    wave = 0.25 * np.sin(part * (5 + seed % 5) + angle * 3 + seed) * part
    bulge = 0.80 + 0.27 * np.sqrt(np.minimum(part * 3, 1)) - 0.05 * part
    reach = bulge * (1 + 0.03 * hair.side) + 0.02 * hair.side + 0.03 * wave
    reach = reach + 0.012 * hair.curl * ragged
    x = np.sin(angle) * 8.4 * reach
    z = np.cos(angle) * 9.6 * reach + 0.4 - 1.2 * part
    vertices = np.stack(np.broadcast_arrays(x, height + 0 * angle, z), axis=-1).reshape(-1, 3)
    corner = np.arange(_ROWS * _COLUMNS).reshape(_ROWS, _COLUMNS)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    triangles = np.concatenate(
        [np.stack([a, d, c], -1).reshape(-1, 3), np.stack([a, c, b], -1).reshape(-1, 3)]
    )
    return vertices.astype(np.float32), triangles.astype(np.int64)


def strands(
    rest: NDArray[np.float32], hair: Hair, *, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Brightness of strands (M,), about 0 +- 1, and their direction (M, 3).

    Args:
        rest: (M, 3) positions on the head at rest.
        hair: The hair; curls have no common direction.
        seed: Place in the noise texture.
    """
    x = rest[:, 0] - 3.5 * hair.parting * np.clip((rest[:, 1] - 6) / 6, 0, 1)
    around = np.arctan2(x, rest[:, 2] + 1.5)
    straight = noise(around * 55 + x * 5, rest[:, 1] * 1.6, seed=seed, exponent=0.45)
    curly = noise(rest[:, 0] * 11 + rest[:, 2] * 7, rest[:, 1] * 11, seed=seed, exponent=0.5)
    locks = noise(around * 16, rest[:, 1] * 0.7, seed=seed + 77, exponent=0.9)
    share = float(np.clip((hair.curl - 0.15) / 0.3, 0, 1))
    bright = (1 - share) * straight + share * curly + 0.7 * locks
    flow = np.stack([0.15 * np.sin(locks), -np.ones_like(x), 0.35 * np.clip(-rest[:, 2] / 8, -1, 1)], axis=1)
    flow += share * 0.8 * np.stack([curly, straight, curly], axis=1)
    return bright.astype(np.float32), (flow / np.linalg.norm(flow, axis=1, keepdims=True)).astype(np.float32)
