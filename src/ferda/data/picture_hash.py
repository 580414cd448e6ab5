"""A perceptual hash: 128 bits that say what a picture shows, nearly the same for any copy of it.

A bit is the sign of one coefficient of the cosine transform of the grey picture, so neither brightness nor
contrast nor size matters. Faces that are cut out alike agree in their lowest frequencies: 64 bits of those
call different people copies. These are all 64 coefficients of odd horizontal frequency, and 64 of even, below
the anti-diagonal of a 16 x 16 block.

A mirrored picture has the odd coefficients with the other sign and the even ones unchanged. So its hash is
the same first word and the inverse of the second: whoever compares two hashes compares with the mirror, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ferda.data.pack import Pictures

#: Bits of a hash: two words of 64.
BITS = 128
#: Standard deviation in grey levels below which a picture shows nothing (black, one colour).
FLAT = 2.0
_ORDERS = 16
_BLOCK = 512
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True)
class PictureHashes:
    """Hashes of pictures.

    Attributes:
        words: (N, 2) uint64: signs of even, and of odd horizontal frequencies.
        is_flat: (N,) bool, pictures that show nothing; their bits mean nothing.
    """

    words: NDArray[np.uint64]
    is_flat: NDArray[np.bool_]


def hash_pictures(
    pictures: Pictures, rows: NDArray[np.int64], progress: Callable[[int, int], None] | None = None
) -> PictureHashes:
    """Hash the pictures of a pack.

    Args:
        pictures: Of the pack.
        rows: (N,) which of them.
        progress: Called with pictures done and in all.
    """
    words = np.empty((len(rows), 2), dtype=np.uint64)
    is_flat = np.empty(len(rows), dtype=bool)
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        grey = grey_pictures(pictures.gather(rows[part]))
        words[part] = _words(grey)
        is_flat[part] = grey.std((1, 2)) < FLAT
        if progress:
            progress(min(start + _BLOCK, len(rows)), len(rows))
    return PictureHashes(words, is_flat)


def grey_pictures(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return brightness as television counts it.

    Args:
        images: (B, H, W, 3) RGB.

    Returns:
        (B, H, W) in [0, 255].
    """
    grey: NDArray[np.float32] = images.astype(np.float32) @ _GREY
    return grey


def _words(grey: NDArray[np.float32]) -> NDArray[np.uint64]:
    size = grey.shape[1]
    waves = np.cos(np.pi / size * np.outer(np.arange(_ORDERS), np.arange(size) + 0.5)).astype(np.float32)
    positive = (waves @ grey @ waves.T) > 0
    bits = np.concatenate([positive[:, *_EVEN], positive[:, *_ODD]], axis=1)
    return np.packbits(np.ascontiguousarray(bits), axis=1).view(np.uint64)


def _chosen(is_odd: int) -> tuple[NDArray[np.intp], ...]:
    """Return rows and columns of the 64 lowest frequencies with odd or even columns."""
    down, across = np.mgrid[:_ORDERS, :_ORDERS]
    wanted = (across % 2 == is_odd) & (down + across > 0)
    order = np.argsort(np.where(wanted, down + across, 2 * _ORDERS), axis=None, kind="stable")[: BITS // 2]
    return np.unravel_index(order, down.shape)


_EVEN, _ODD = _chosen(0), _chosen(1)
