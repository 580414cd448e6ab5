"""Frames of a video, judged a few at a time, those first that were judged before a kill."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Protocol

import numpy as np

from ferda.inference.camera import Camera
from ferda.inference.face import PredictedFace
from ferda.inference.frames import Film, Frame
from ferda.inference.looks import LENGTH, look, thumb
from ferda.inference.video_parts import Parts, SeenFrame

#: Frames that are judged together, unless they have more pixels.
_FRAMES_AT_ONCE, _PIXELS_AT_ONCE = 16, 50_000_000


class Judge(Protocol):
    """What names the expressions in pictures: a `Predictor`, or anything that answers like one."""

    @property
    def classes(self) -> Sequence[str]:
        """Names of what it can answer."""

    def predict(
        self, images: Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> list[list[PredictedFace]]:
        """Name the expressions in pictures, one list for each.

        Args:
            images: uint8 RGB (H, W, 3).
            names: What `PredictedFace.input` says.
        """


def judged_pieces(
    predictor: Judge, film: Film | Camera, parts: Parts | None, with_images: bool
) -> Generator[list[SeenFrame]]:
    """Yield pieces of a video, the same whether or not there was a kill.

    Args:
        predictor: Judges them.
        film: Where frames come from.
        parts: Pieces that were kept, and where new ones are; None keeps none.
        with_images: Whether frames that were kept get their pixels again.
    """
    frames, done = film.frames() if with_images else None, 0
    for piece in parts.kept() if parts is not None else ():
        if frames is not None:
            for frame, again in zip(piece, frames, strict=False):
                frame.image = again.image
        done += len(piece)
        yield piece
    for group in _pieces(frames or film.frames(done), 1 if film.is_live else _FRAMES_AT_ONCE):
        piece = _judge(predictor, film.name, group)
        if parts is not None:
            parts.add(piece)
        yield piece


def _pieces(frames: Iterable[Frame], most: int) -> Iterator[list[Frame]]:
    frames = iter(frames)
    while first := next(frames, None):
        pixels = first.image.shape[0] * first.image.shape[1]
        yield [first, *islice(frames, max(1, min(most, _PIXELS_AT_ONCE // pixels)) - 1)]


def _judge(predictor: Judge, name: str, frames: list[Frame]) -> list[SeenFrame]:
    images = [frame.image for frame in frames]
    answers = predictor.predict(images, [name] * len(images))
    return [
        SeenFrame(
            frame.number,
            frame.time_s,
            faces,
            _looks(frame.image, faces),
            (look(frame.image), thumb(frame.image)),
            frame.image,
        )
        for frame, faces in zip(frames, answers, strict=True)
    ]


def _looks(image: np.ndarray, faces: Sequence[PredictedFace]) -> np.ndarray:
    """How each face looks (F, 48); a frame judged as a whole is the same face until the scene changes."""
    looks = [np.ones(LENGTH, np.uint8) if face.box is None else look(image, face.box) for face in faces]
    return np.stack(looks) if looks else np.zeros((0, LENGTH), np.uint8)
