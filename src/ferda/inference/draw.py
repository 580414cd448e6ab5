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
from ferda.inference.placing import Corners, arrange, squeeze

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


@dataclass(frozen=True)
class _Plate:
    """The words of one face: how large they are, and where they stand."""

    face: PredictedFace
    classes: tuple[str, ...]
    title: str
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


def draw_faces(
    image: np.ndarray,
    faces: Sequence[PredictedFace],
    *,
    bars: bool | None = None,
    margin: bool = True,
    ids: bool = False,
) -> np.ndarray:
    """Draw faces onto a copy of their picture.

    Args:
        image: (H, W, 3) uint8 RGB.
        faces: What the predictor found in it.
        bars: Whether the probabilities of all classes are shown, or only the winner's; None shows them for up
            to three faces.
        margin: Whether the drawing may grow where there is no room beside a face; frames of a video may not,
            so there the winner's name alone is written where it hides least.
        ids: Whether each name begins with the face's number.

    Returns:
        (H', W', 3) uint8 RGB, larger than the picture if its shorter side is below 400 pixels, or if it grew
        a margin.
    """
    enlarged = max(1.0, min(_SMALLEST_SIDE / min(image.shape[:2]), _LARGEST_SIDE / max(image.shape[:2])))
    size = round(image.shape[1] * enlarged), round(image.shape[0] * enlarged)
    picture = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    text = round(min(max(min(size) / 32, 12), 48))
    pen = _Pen(text, ImageFont.load_default(text))
    places = [_corners(face, enlarged, size) for face in faces]
    shows_all = len(faces) < _MANY_FACES if bars is None else bars
    plates = [_plate(pen, face, shows_all, ids) for face in faces]
    if margin:
        corners, whole = arrange(places, plates, size, 2 * pen.line, pen.pad)
    else:
        either = [(plate, _plate(pen, plate.face, False, ids)) for plate in plates]
        (plates, corners), whole = squeeze(places, either, size, 2 * pen.line), size

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


def _plate(pen: _Pen, face: PredictedFace, bars: bool, ids: bool) -> _Plate:
    classes = tuple(face.probabilities) if bars else ()
    title = f"{face.face_id}: " * ids + f"{face.expression} {face.confidence:.0%}"
    names = max((round(pen.font.getbbox(name)[2]) for name in classes), default=0)
    body = names + pen.pad + pen.bar if classes else 0
    width = max(round(pen.font.getbbox(title)[2]), body) + 2 * pen.pad
    return _Plate(face, classes, title, names, width, pen.row * (1 + len(classes)) + 2 * pen.pad)


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
    draw.text((x + pad, y + pad), plate.title, font=pen.font, fill=_colour(face.expression))
    for number, name in enumerate(plate.classes, start=1):
        line = y + pad + number * pen.row
        draw.text((x + pad, line), name, font=pen.font, fill=_WHITE)
        start, end = x + 2 * pad + plate.names, line + pen.row - pad
        draw.rectangle((start, line + pad, start + pen.bar, end), fill=_TRACK)
        filled = start + round(pen.bar * face.probabilities[name])
        draw.rectangle((start, line + pad, filled, end), fill=_colour(name))
