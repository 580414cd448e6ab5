"""Whether two pictures are the same photo: lay one over the other, then compare their fine structure.

Both are reduced to 40 x 40 grey pixels. The second is moved and enlarged until it fits the first: its coarse
outlines are written as the best combination of themselves and of what they change by when moved right, down,
or enlarged (least squares, twice), which finds copies that were cut out 4 % elsewhere. Then the fine outlines
are correlated, brought to the same contrast everywhere, so that light does not count. Different people in the
same pose and light have coarse outlines alike, and differ in the fine ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferda.data.picture_hash import grey_pictures

#: Likeness from which two pictures are copies.
SAME = 0.9
_SIDE = 40
#: Widths in pixels: what is smoothed away, and the surroundings that brightness is relative to.
_COARSE, _FINE = (1.0, 4.0), (0.8, 1.2)
#: Grey levels added to the local contrast, lest noise of an even background be amplified.
_NOISE = 4.0
_ROUNDS = 2
#: Pixels that a copy may be moved in all, and in one round.
_FARTHEST, _FARTHEST_ROUND = 3.0, 1.5
_PLACE = ((np.arange(_SIDE) - (_SIDE - 1) / 2) / (_SIDE / 2)).astype(np.float32)


def thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Reduce pictures to what is compared.

    Args:
        images: (B, H, W, 3) RGB.

    Returns:
        (B, 40, 40) brightness.
    """
    smaller = _areas(images.shape[1])
    small: NDArray[np.float32] = smaller @ grey_pictures(images) @ smaller.T
    return small


def likeness(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how well each picture fits its partner.

    Args:
        first: (B, 40, 40) of `thumbnails`.
        second: Likewise, its partners.

    Returns:
        (B,) at most 1, which is the same picture.
    """
    fixed, loose = _outlines(first, _COARSE), _outlines(second, _COARSE)
    moves: NDArray[Any] = np.zeros((len(first), 3), dtype=np.float32)
    for _ in range(_ROUNDS):
        moves = np.clip(moves + _step(fixed, _moved(loose, moves)), -_FARTHEST, _FARTHEST)
    inner = slice(int(_FARTHEST), _SIDE - int(_FARTHEST))
    pair = (_outlines(first, _FINE), _moved(_outlines(second, _FINE), moves))
    one, other = (fine[:, inner, inner].reshape(len(first), -1) for fine in pair)
    one, other = (fine - fine.mean(1, keepdims=True) for fine in (one, other))
    size = np.sqrt((one**2).sum(1) * (other**2).sum(1))
    found: NDArray[np.float32] = (one * other).sum(1) / np.maximum(size, 1e-6)
    return found


def _outlines(grey: NDArray[np.float32], widths: tuple[float, float]) -> NDArray[np.float32]:
    """Return brightness relative to the surroundings and their contrast."""
    smooth, around = (_blur(width) for width in widths)
    grey = smooth @ grey @ smooth.T
    grey = grey - around @ grey @ around.T
    contrast = np.sqrt(around @ grey**2 @ around.T)
    outlines: NDArray[np.float32] = grey / (contrast + _NOISE)
    return outlines


def _step(fixed: NDArray[np.float32], loose: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how far to move the second picture right, down, and outwards at its edge, in pixels: (B, 3)."""
    inner = slice(1, -1)
    right = (loose[:, inner, 2:] - loose[:, inner, :-2]) / 2
    down = (loose[:, 2:, inner] - loose[:, :-2, inner]) / 2
    outwards = _PLACE[inner] * right + _PLACE[inner, None] * down
    terms = np.stack([loose[:, inner, inner], right, down, outwards], axis=1).reshape(len(loose), 4, -1)
    terms -= terms.mean(2, keepdims=True)
    squares = terms @ terms.transpose(0, 2, 1) + 1e-3 * np.eye(4, dtype=np.float32)
    seen = terms @ fixed[:, inner, inner].reshape(len(fixed), -1, 1)
    weights = np.linalg.solve(squares, seen)[:, :, 0]
    # where the pictures hardly agree, the ratio means nothing and must not explode
    step = weights[:, 1:] / np.maximum(weights[:, :1], 0.3)
    return np.clip(step, -_FARTHEST_ROUND, _FARTHEST_ROUND)


def _moved(pictures: NDArray[np.float32], moves: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return pictures read at moved places, between pixels by their neighbours."""
    pixel = np.arange(_SIDE, dtype=np.float32)
    across, down = (
        np.clip(pixel + moves[:, way, None] + moves[:, 2, None] * _PLACE, 0, _SIDE - 1) for way in (0, 1)
    )
    shares = [np.maximum(0, 1 - np.abs(place[:, :, None] - pixel)) for place in (across, down)]
    between: NDArray[np.float32] = shares[1] @ pictures @ shares[0].transpose(0, 2, 1)
    return between


def _areas(size: int) -> NDArray[Any]:
    """Return (40, size): the mean of the pixels below each small pixel, in parts where they straddle."""
    edges = np.arange(_SIDE + 1) * size / _SIDE
    start, end = edges[:-1, None], edges[1:, None]
    pixel = np.arange(size)
    overlap = np.minimum(end, pixel + 1) - np.maximum(start, pixel)
    return (np.maximum(overlap, 0) * _SIDE / size).astype(np.float32)


def _blur(width: float) -> NDArray[Any]:
    distance = np.arange(_SIDE)[:, None] - np.arange(_SIDE)
    weights = np.exp(-(distance**2) / (2 * width**2))
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
