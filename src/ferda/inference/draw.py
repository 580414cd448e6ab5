"""Draw what a model thinks of a picture: boxes, the expression's name, and a bar for each class.

Every line has a dark rim and every word stands on a dark plate, so both can be read on any picture. A class
always has the same colour (of a palette that colour-blind people can tell apart), but no meaning hangs on
colour alone: the name is there too. Small pictures are enlarged first, since a word needs its pixels. Words
keep off faces; where a face fills its picture, the drawing grows a margin for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ferda.inference.face import PredictedFace

#: Okabe and Ito's colours, one for each expression.
COLOURS: dict[str, tuple[int, int, int]] = {
    "surprise": (240, 228, 66),
    "fear": (204, 121, 167),
    "disgust": (0, 158, 115),
    "happiness": (230, 159, 0),
    "sadness": (86, 180, 233),
    "anger": (213, 94, 0),
    "neutral": (200, 200, 200),
    "contempt": (148, 120, 220),
}
_DARK, _RIM, _WHITE = (16, 18, 22, 215), (0, 0, 0, 255), (255, 255, 255, 255)
_TRACK, _MARGIN = (74, 78, 88, 230), (40, 42, 48)
_SMALLEST_SIDE, _LARGEST_SIDE = 400, 4000  # of a drawing that is enlarged
_MANY_FACES = 4  # from here on only the winner is written

Corners = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Plate:
    """The words of one face: how large they are, and where they stand."""

    face: PredictedFace
    classes: tuple[str, ...]
    names: int
    width: int
    height: int


@dataclass(frozen=True)
class _Pen:
    """Sizes that follow the picture's size."""

    text: int
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont

    @property
    def line(self) -> int:
        return max(2, self.text // 7)

    @property
    def pad(self) -> int:
        return max(2, self.text // 4)

    @property
    def row(self) -> int:
        return round(self.text * 1.25)

    @property
    def bar(self) -> int:
        return 4 * self.text


def draw_faces(image: np.ndarray, faces: Sequence[PredictedFace], *, bars: bool | None = None) -> np.ndarray:
    """Draw faces onto a copy of their picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: What the predictor found in it.
        bars: Whether the probabilities of all classes are shown, or only the winner's; None shows them for up
            to three faces.

    Returns:
        (H', W', 3) uint8 RGB, larger than the picture if its shorter side is below 400 pixels, or if there
        is no room beside a face.
    """
    enlarged = max(1.0, min(_SMALLEST_SIDE / min(image.shape[:2]), _LARGEST_SIDE / max(image.shape[:2])))
    size = round(image.shape[1] * enlarged), round(image.shape[0] * enlarged)
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    text = round(min(max(min(size) / 32, 12), 48))
    pen = _Pen(text, ImageFont.load_default(text))
    places = [_corners(face, enlarged, size) for face in faces]
    plates = [_plate(pen, face, len(faces) < _MANY_FACES if bars is None else bars) for face in faces]
    corners, whole = _arrange(pen, places, plates, size)

    canvas = Image.new("RGB", whole, _MARGIN)
    canvas.paste(picture)
    layer = Image.new("RGBA", canvas.size)
    draw = ImageDraw.Draw(layer)
    for face, place in zip(faces, places, strict=True):
        _draw_box(draw, pen, face, place, enlarged)
    for plate, corner in zip(plates, corners, strict=True):  # words last: no box may cross them
        _draw_plate(draw, pen, plate, corner)
    return np.array(Image.alpha_composite(canvas.convert("RGBA"), layer).convert("RGB"))


def _corners(face: PredictedFace, enlarged: float, size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the face's left, top, right and bottom in the drawing, kept inside of it."""
    if face.box is None:
        return 0, 0, size[0] - 1, size[1] - 1
    x, y, width, height = (value * enlarged for value in face.box)
    left, right = np.clip((x, x + width), 0, size[0] - 1)
    top, bottom = np.clip((y, y + height), 0, size[1] - 1)
    return round(left), round(top), round(right), round(bottom)


def _colour(name: str) -> tuple[int, int, int, int]:
    return (*COLOURS.get(name, (255, 255, 255)), 255)


def _plate(pen: _Pen, face: PredictedFace, bars: bool) -> _Plate:
    classes = tuple(face.probabilities) if bars else ()
    names = max((round(pen.font.getbbox(name)[2]) for name in classes), default=0)
    body = names + pen.pad + pen.bar if classes else 0
    width = max(round(pen.font.getbbox(_title(face))[2]), body) + 2 * pen.pad
    return _Plate(face, classes, names, width, pen.row * (1 + len(classes)) + 2 * pen.pad)


def _title(face: PredictedFace) -> str:
    return f"{face.expression} {face.confidence:.0%}"


def _arrange(
    pen: _Pen, places: Sequence[Corners], plates: Sequence[_Plate], size: tuple[int, int]
) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Find a corner for each plate that covers no face; what fits nowhere goes into a margin on the right.

    Returns:
        The corners, and the width and height that the drawing needs for them.
    """
    taken = list(places)
    corners: list[tuple[int, int]] = []
    width, height, below = *size, pen.pad
    for place, plate in zip(places, plates, strict=True):
        corner = next((at for at in _beside(pen, place, plate) if _is_free(at, plate, size, taken)), None)
        if corner is None:
            corner = size[0] + pen.pad, below
            below += plate.height + pen.pad
            width, height = max(width, size[0] + plate.width + 2 * pen.pad), max(height, below)
        taken.append((*corner, corner[0] + plate.width, corner[1] + plate.height))
        corners.append(corner)
    return corners, (width, height)


def _beside(pen: _Pen, place: Corners, plate: _Plate) -> list[tuple[int, int]]:
    """Right of a face, left of it, above, below; flush with its upper or lower, left or right edge."""
    left, top, right, bottom = place
    gap = 2 * pen.line
    sides = (right + gap, left - gap - plate.width)
    ends = (top - gap - plate.height, bottom + gap)
    return [(x, y) for x in sides for y in (top, bottom - plate.height)] + [
        (x, y) for y in ends for x in (left, right - plate.width)
    ]


def _is_free(at: tuple[int, int], plate: _Plate, size: tuple[int, int], taken: Sequence[Corners]) -> bool:
    left, top, right, bottom = *at, at[0] + plate.width, at[1] + plate.height
    is_inside = left >= 0 and top >= 0 and right < size[0] and bottom < size[1]
    return is_inside and not any(
        left < other[2] and other[0] < right and top < other[3] and other[1] < bottom for other in taken
    )


def _draw_box(
    draw: ImageDraw.ImageDraw, pen: _Pen, face: PredictedFace, place: Corners, enlarged: float
) -> None:
    left, top, right, bottom = place
    rim = max(1, pen.line // 2)
    if right - left > 2 * rim and bottom - top > 2 * rim:
        outer = (left - rim, top - rim, right + rim, bottom + rim)
        draw.rectangle(outer, outline=_RIM, width=pen.line + 2 * rim)
        draw.rectangle(place, outline=_colour(face.expression), width=pen.line)
    if face.landmarks is not None and np.isfinite(face.landmarks).all():
        for x, y in face.landmarks * enlarged:
            r = pen.line
            draw.ellipse((x - r, y - r, x + r, y + r), fill=_WHITE, outline=_RIM)


def _draw_plate(draw: ImageDraw.ImageDraw, pen: _Pen, plate: _Plate, corner: tuple[int, int]) -> None:
    x, y = corner
    face, pad = plate.face, pen.pad
    draw.rounded_rectangle((x, y, x + plate.width, y + plate.height), radius=pad, fill=_DARK)
    draw.text((x + pad, y + pad), _title(face), font=pen.font, fill=_colour(face.expression))
    for number, name in enumerate(plate.classes, start=1):
        line = y + pad + number * pen.row
        draw.text((x + pad, line), name, font=pen.font, fill=_WHITE)
        start, end = x + 2 * pad + plate.names, line + pen.row - pad
        draw.rectangle((start, line + pad, start + pen.bar, end), fill=_TRACK)
        filled = start + round(pen.bar * face.probabilities[name])
        draw.rectangle((start, line + pad, filled, end), fill=_colour(name))
