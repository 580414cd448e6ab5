"""Evidence laid on a face: the face in grey, what matters in colour, from dark red over orange to yellow.

Grey, because skin is orange too; and where nothing speaks the face stays as it is, so that colour always
means evidence. The colours are the upper part of matplotlib's "inferno", whose lightness rises evenly: it can
be read in print and by colour-blind people.
"""

from __future__ import annotations

import numpy as np

#: Weights of red, green and blue in lightness (ITU-R BT.601).
_LIGHTNESS = (0.299, 0.587, 0.114)
#: The part of "inferno" that is used: its black would darken the face, its white hide it.
_COLDEST, _HOTTEST = 0.32, 0.92
_GREY, _STRONGEST = 0.85, 0.72
#: Attention that varies by less than this share of itself is the same everywhere.
_FLAT = 1e-3


def overlay(image: np.ndarray, places: np.ndarray, side: int) -> np.ndarray:
    """Lay places on a picture.

    Args:
        image: (S, S, 3) uint8 RGB.
        places: (S, S) from 0 to 1.
        side: Pixels of what comes out.

    Returns:
        (side, side, 3) uint8 RGB.
    """
    face, heat = enlarged(image, side).astype(np.float32), _resized(places.astype(np.float32), side)
    grey = (face @ np.array(_LIGHTNESS, np.float32))[..., None] * _GREY
    heat = heat.clip(0, 1)[..., None]
    share = _STRONGEST * heat
    return (share * heat_colours(heat[..., 0]) + (1 - share) * grey).round().astype(np.uint8)


def heat_colours(values: np.ndarray) -> np.ndarray:
    """Return the colours of evidence, (..., 3) float32 from 0 to 255.

    Args:
        values: (...) from 0 to 1.
    """
    import matplotlib

    colours = matplotlib.colormaps["inferno"](_COLDEST + (_HOTTEST - _COLDEST) * values)
    return np.asarray(colours[..., :3] * 255, np.float32)


def enlarged(image: np.ndarray, side: int) -> np.ndarray:
    """Return a picture at another size.

    Args:
        image: (S, S, 3) uint8 RGB.
        side: Pixels of what comes out.
    """
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def stretched(places: np.ndarray) -> np.ndarray:
    """Return places from 0, the least of them, to 1, the greatest; 0 if all are alike but for rounding.

    Attention is shown so: it hardly ever reaches 0 or 1, and what one wants to see is where there is more.

    Args:
        places: (S, S).
    """
    low, high = float(places.min()), float(places.max())
    is_flat = high - low <= _FLAT * max(abs(low), abs(high))
    return np.zeros_like(places) if is_flat else (places - low) / (high - low)


def _resized(places: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(places).resize((side, side), Image.Resampling.BICUBIC))
