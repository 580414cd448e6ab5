"""From the files of a request to its answer: unpacked within limits, judged, and forgotten."""

from __future__ import annotations

import asyncio
import base64
import io
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from ferda.errors import UserError
from ferda.faces.images import UnreadableImage, count_pixels, read_image
from ferda.inference.face import PredictedFace
from ferda.inference.table import columns, face_rows
from ferda.web.intake import Upload
from ferda.web.models import Model
from ferda.web.refusal import Refused

#: Side in pixels of an explained face.
_SIDE = 224


class Room:
    """Room for unpacked pictures, shared by all requests; who finds none waits.

    Args:
        pixels: That are held at a time; a request with more goes alone.
    """

    def __init__(self, pixels: int) -> None:
        self._most, self._held = pixels, 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def __call__(self, pixels: int) -> AsyncIterator[None]:
        """Hold room.

        Args:
            pixels: How many.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._held == 0 or self._held + pixels <= self._most)
            self._held += pixels
        try:
            yield
        finally:
            async with self._changed:
                self._held -= pixels
                self._changed.notify_all()


@dataclass
class _Picture:
    """A file of a request, and what becomes of it."""

    number: int
    upload: Upload
    pixels: int = 0
    problem: str | None = None
    image: np.ndarray | None = None
    faces: Sequence[PredictedFace] = ()

    def unpack(self) -> None:
        try:
            self.image = read_image(content(self.upload.file))
        except UnreadableImage as unreadable:
            self.problem = unreadable.reason


async def answered(model: Model, uploads: Sequence[Upload], room: Room, most_pixels: int) -> dict[str, Any]:
    """Name the expressions in pictures.

    Args:
        model: That answers.
        uploads: The pictures.
        room: For them.
        most_pixels: Of one.

    Returns:
        The model, its classes, and the rows of the prediction table, each with the number of its picture.
    """
    pictures = [_opened(number, upload, most_pixels) for number, upload in enumerate(uploads)]
    for group in _groups([picture for picture in pictures if picture.problem is None]):
        async with room(sum(picture.pixels for picture in group)):
            await asyncio.to_thread(_unpack, group)
            seen = [picture for picture in group if picture.image is not None]
            images = [picture.image for picture in seen if picture.image is not None]
            if images:
                found = await asyncio.wrap_future(model.ask(images))
                for picture, faces in zip(seen, found, strict=True):
                    picture.faces, picture.image = faces, None
    classes = model.predictor.classes
    return {
        "model": model.name,
        "classes": list(classes),
        "rows": [row for picture in pictures for row in _rows(picture, classes)],
    }


def explained(model: Model, upload: Upload, most_pixels: int, about: str | None) -> list[dict[str, Any]]:
    """Say of each face of a picture which places its answer came from.

    Args:
        model: That answers.
        upload: The picture.
        most_pixels: That it may have.
        about: Expression to look for; None takes what is answered.

    Returns:
        For each face the answer, and `overlay`: a picture of what speaks for it, as a data address.

    Raises:
        Refused: If the picture cannot be read.
        UserError: If the model does not know the expression, or cannot be explained.
    """
    from ferda.inference.explain import explain
    from ferda.inference.overlay import overlay
    from ferda.inference.predictor import Predictor
    from ferda.inference.sheet import reason

    predictor = model.predictor
    if not isinstance(predictor, Predictor):
        raise UserError(
            f"The model '{model.name}' is an exported one, which answers but cannot be explained."
        )
    picture = _opened(0, upload, most_pixels)
    if picture.problem is None:
        picture.unpack()
    if picture.image is None:
        raise Refused(422, f"The picture cannot be read: {picture.problem}.")
    with model.turn:
        (faces,) = explain(predictor, [picture.image], [upload.name], about=about)
    return [
        {
            **face.to_dict(),
            "reason": reason(face.decision),
            "overlay": _data_address(overlay(face.crop, face.decision.places, _SIDE)),
        }
        for face in faces
    ]


def content(file: BinaryIO) -> bytes:
    """Return all bytes of an upload that was kept in memory.

    Args:
        file: As `read_form` left it.
    """
    if not isinstance(file, io.BytesIO):
        raise UserError("The upload is on disk.")
    return file.getvalue()


def _unpack(pictures: Sequence[_Picture]) -> None:
    for picture in pictures:
        picture.unpack()


def _opened(number: int, upload: Upload, most_pixels: int) -> _Picture:
    picture = _Picture(number, upload)
    try:
        picture.pixels = count_pixels(content(upload.file))
    except UnreadableImage as unreadable:
        picture.problem = unreadable.reason
    if picture.pixels > most_pixels:
        picture.problem = f"it has {picture.pixels:,} pixels, and {most_pixels:,} are allowed"
    return picture


def _groups(pictures: Sequence[_Picture]) -> list[list[_Picture]]:
    """Pictures that are unpacked at a time."""
    groups: list[list[_Picture]] = []
    held = math.inf
    for picture in pictures:
        if held + picture.pixels > 25_000_000:
            groups.append([])
            held = 0
        groups[-1].append(picture)
        held += picture.pixels
    return groups


def _rows(picture: _Picture, classes: Sequence[str]) -> list[dict[str, Any]]:
    names = columns(classes, affect=any(face.valence is not None for face in picture.faces))
    rows = face_rows(picture.upload.name, picture.faces, picture.problem)
    return [{"picture": picture.number} | {name: _plain(row.get(name)) for name in names} for row in rows]


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _data_address(image: np.ndarray) -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
