"""What of a picture a network gets to see: one rule that travels from `ferda prepare` to prediction.

A model sees best what it was trained on, so a `CropRule` is written into the pack, from there into the
checkpoint, and the predictor cuts by it. The kinds: `aligned` (five points onto the template), `fer2013`
(onto a closer one, FER2013's average face), `retinaface5pose` (onto that of five templates which the pose
fits best, as in DDAMFN++), `eyes-mouth` (three points onto fixed places), `box` (the face's box, a little
larger, as in AGLRLS and AGRA), `margin` (the box with a margin, proportions kept) and `whole` (the picture as
it is). `ferda.faces.crop_names` has names for the settings that programs of the field use.

The second half is the geometry of AGLRLS and AGRA in whole numbers, step by step, so that their landmark
windows fall where the authors' fall.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from PIL import Image

from ferda.errors import UserError, nearest
from ferda.faces.align import FER2013, align, align_eyes_and_mouth
from ferda.faces.box_rules import Rectangle, add_margin, letterbox, swap_axes, to_rectangle, within
from ferda.faces.poses import align_to_pose

if TYPE_CHECKING:  # a recipe knows crops, but must not load torch for them
    from ferda.faces.detect import Face

Kind = Literal["aligned", "fer2013", "retinaface5pose", "eyes-mouth", "box", "margin", "whole"]
#: Settings that came after packs had been written; at their default they are not stored.
_LATER = ("truncate_landmarks", "swap_axes")


@dataclass(frozen=True)
class CropRule:
    """How a picture becomes a square of `size` pixels.

    Attributes:
        kind: `aligned`, `fer2013`, `retinaface5pose`, `eyes-mouth`, `box`, `margin` or `whole`.
        size: Side of the square.
        enlarge: Share of the box's sides that is added to it, half on each side (only for `box` and
            `margin`, where it is a share of the longer side).
        detect: Whether faces are looked for; a data set that comes with boxes or landmarks needs none.
        truncate_landmarks: Take the points at whole pixels, as DDAMFN++ does (only for `retinaface5pose`).
        swap_axes: Take rows from the box's x and columns from its y, as ESR's preparation of AffectNet does
            (only for `box`).
    """

    kind: Kind = "aligned"
    size: int = 112
    enlarge: float = 0.20
    detect: bool = True
    truncate_landmarks: bool = False
    swap_axes: bool = False

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise UserError(f"There is no crop '{self.kind}'; choose one of {', '.join(get_args(Kind))}.")
        if not 8 <= self.size <= 2048:
            raise UserError(f"A crop's size must lie between 8 and 2048 pixels, got {self.size}.")
        if not 0 <= self.enlarge <= 4:
            raise UserError(f"A crop's 'enlarge' must lie between 0 and 4, got {self.enlarge}.")

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it. A setting that came later is left out at its default: old packs are still known."""
        return {name: value for name, value in asdict(self).items() if value or name not in _LATER}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CropRule:
        """Read what `to_dict` wrote.

        Args:
            values: The fields; missing ones keep their defaults.

        Raises:
            UserError: If a field is unknown or has no sensible value.
        """
        known = {field.name: type(field.default) for field in fields(cls)}
        for name, value in values.items():
            if name not in known:
                raise UserError(f"A crop has no setting '{name}'{nearest(name, known)}.")
            numbers = known[name] is float and isinstance(value, int) and not isinstance(value, bool)
            if type(value) is not known[name] and not numbers:
                raise UserError(f"The crop setting '{name}' must be a {known[name].__name__}, got {value!r}.")
        return cls(**values)


def crop_face(image: np.ndarray, face: Face | None, rule: CropRule) -> tuple[np.ndarray, np.ndarray]:
    """Cut one face out of a picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        face: What was found; None (nobody found) gives the whole picture. A face with NaN landmarks
            cannot be aligned, so its box is cut out instead.
        rule: How.

    Returns:
        The crop (size, size, 3) uint8, and the landmarks (5, 2) float32 in its pixels, NaN if unknown.
    """
    if face is None:
        return resize_crop(image, _whole(image), np.full((5, 2), np.nan, dtype=np.float32), rule.size)
    if rule.kind == "whole":
        return resize_crop(image, _whole(image), face.landmarks, rule.size)
    if np.isfinite(face.landmarks).all():
        match rule.kind:
            case "aligned":
                return align(image, face.landmarks, rule.size)
            case "fer2013":
                return align(image, face.landmarks, rule.size, FER2013)
            case "retinaface5pose":
                return align_to_pose(image, face.landmarks, rule.size, rule.truncate_landmarks)
            case "eyes-mouth":
                return align_eyes_and_mouth(image, face.landmarks, rule.size)
    rectangle = to_rectangle(face.box)
    if rule.kind == "margin":
        return letterbox(image, add_margin(rectangle, rule.enlarge), face.landmarks, rule.size)
    rectangle = swap_axes(rectangle) if rule.swap_axes else rectangle
    height, width = image.shape[:2]
    return resize_crop(image, enlarge_box(rectangle, width, height, rule.enlarge), face.landmarks, rule.size)


def resize_crop(
    image: np.ndarray, rectangle: Rectangle, landmarks: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a rectangle out and bring it to a square, averaging where it shrinks; the aspect is not kept.

    Args:
        image: (H, W, 3) uint8.
        rectangle: What to cut; the whole picture if nothing of it lies within.
        landmarks: (P, 2) in pixels of the picture.
        size: Side of the square.

    Returns:
        The square (size, size, 3) uint8, and the landmarks (P, 2) float32 in its pixels.
    """
    left, top, right, bottom = within(rectangle, image)
    part = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    pixels = np.asarray(part.resize((size, size), Image.Resampling.BILINEAR))
    scale = np.array([size / (right - left), size / (bottom - top)])
    return pixels.copy(), ((landmarks - (left, top)) * scale).astype(np.float32)


def margins(rectangle: Rectangle, share: float = 0.20) -> tuple[int, int]:
    """Return how many pixels AGLRLS adds on each side, horizontally and vertically.

    Args:
        rectangle: The face's box.
        share: Share of the sides that is added in all.
    """
    left, top, right, bottom = rectangle
    return int(0.5 * int(share * (right - left))), int(0.5 * int(share * (bottom - top)))


def enlarge_box(rectangle: Rectangle, width: int, height: int, share: float = 0.20) -> Rectangle:
    """Grow a box by its margins, as far as the picture goes.

    Args:
        rectangle: The face's box.
        width: Of the picture.
        height: Of the picture.
        share: Share of the sides that is added in all.
    """
    across, down = margins(rectangle, share)
    left, top, right, bottom = rectangle
    return max(left - across, 0), max(top - down, 0), min(right + across, width), min(bottom + down, height)


def jitter_box(rectangle: Rectangle, offset: tuple[int, int], width: int, height: int) -> Rectangle:
    """Move the left and the right edge by the same amount in opposite directions, likewise top and bottom.

    So an offset zooms about the centre and does not shift, in the authors' code as here.

    Args:
        rectangle: An enlarged box.
        offset: dx and dy, drawn between minus and plus the margins.
        width: Of the picture.
        height: Of the picture.
    """
    left, top, right, bottom = rectangle
    dx, dy = offset
    return max(left + dx, 0), max(top + dy, 0), min(right - dx, width), min(bottom - dy, height)


def mirror_points(points: np.ndarray, width: int) -> np.ndarray:
    """Mirror x within a crop. The order of the points stays, as in AGLRLS: the first is then the other eye.

    Args:
        points: (P, 2) in pixels of the crop.
        width: Of the crop.
    """
    return np.stack([width - points[:, 0], points[:, 1]], axis=1)


def grid_positions(
    points: np.ndarray, width: int, height: int, grid: int = 28, margin: int = 3
) -> np.ndarray:
    """Return the cells of a feature map in which points lie, kept away from its border.

    Args:
        points: (P, 2) in pixels of a crop, not NaN.
        width: Of the crop.
        height: Of the crop.
        grid: Side of the feature map.
        margin: Half a landmark window, so that it fits into the map.

    Returns:
        (P, 2) int64 (x, y), each from `margin` to `grid - 1 - margin`, 3 to 24 for the defaults.
    """
    cells = np.trunc(points * grid / np.array([width, height])).astype(np.int64)
    return np.clip(cells, margin, grid - 1 - margin)


def _whole(image: np.ndarray) -> Rectangle:
    return 0, 0, image.shape[1], image.shape[0]
