"""Repeatable unevenness: one tileable noise texture, looked up at any scale and place.

Skin that is the same everywhere looks like plastic, hair without strands like a helmet. The texture is made
from a fixed seed, so that a picture depends on nothing but its own description.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_SIZE = 512


@cache
def texture(exponent: float) -> NDArray[np.float32]:
    """A tileable texture, mean 0, deviation 1.

    Args:
        exponent: Fall of amplitude with frequency: 0 is white noise, 1 is cloudy, 2 is smooth.
    """
    generator = np.random.default_rng(20201)
    frequency = np.hypot(np.fft.fftfreq(_SIZE)[:, None], np.fft.rfftfreq(_SIZE)[None, :]) * _SIZE
    frequency[0, 0] = 1.0
    spectrum = np.fft.rfft2(generator.normal(size=(_SIZE, _SIZE))) / frequency**exponent
    spectrum[0, 0] = 0.0
    cloud = np.fft.irfft2(spectrum, s=(_SIZE, _SIZE))
    return (cloud / cloud.std()).astype(np.float32)


def noise(
    u: NDArray[np.floating], v: NDArray[np.floating], *, seed: int, exponent: float = 1.0
) -> NDArray[np.float32]:
    """Look the texture up.

    Args:
        u: First coordinate, in cells of the texture.
        v: Second coordinate.
        seed: Chooses the place where the lookup begins.
        exponent: See `texture`.
    """
    column = np.floor(u + seed % 509).astype(np.int64) % _SIZE
    row = np.floor(v + seed % 503).astype(np.int64) % _SIZE
    return texture(exponent)[row, column]
