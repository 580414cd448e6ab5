"""Annotated videos: what the model thinks, drawn into each frame, at the speed of life.

WebM with VP8, which every browser and most players open, and which OpenCV's wheel can write everywhere (it
brings no H.264). There is no sound. Frames come at the times they have: one that lasted longer is shown
longer.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np

from ferda.data.films import quiet
from ferda.errors import UserError
from ferda.files import replacing
from ferda.inference.draw import draw_faces
from ferda.inference.face import PredictedFace

SUFFIX = ".webm"
_SLOWEST, _FASTEST = 1.0, 60.0  # frames a second


class VideoWriter:
    """Writes drawn frames; the distance of the first two decides the frame rate.

    Args:
        path: Ends in `SUFFIX`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: cv2.VideoWriter | None = None
        self._waiting: tuple[float, np.ndarray] | None = None
        self._begin = self._rate = 0.0
        self._written = 0

    def __call__(self, number: int, time_s: float, image: np.ndarray, faces: Sequence[PredictedFace]) -> None:
        """Draw one frame.

        Args:
            number: In the video.
            time_s: When it is shown; later than the last.
            image: (H, W, 3) uint8 RGB.
            faces: What was found in it, with their numbers.

        Raises:
            UserError: If the video cannot be written.
        """
        drawn = cv2.cvtColor(draw_faces(image, faces, margin=False, ids=True), cv2.COLOR_RGB2BGR)
        if self._waiting is None:
            self._begin = time_s
        else:
            if self._writer is None:
                self._open(1 / max(time_s - self._begin, 1e-6))
            self._show_until(time_s)
        self._waiting = time_s, drawn

    def close(self) -> None:
        """Write the last frame and the file's end."""
        if self._waiting is not None:
            if self._writer is None:
                self._open(_SLOWEST)
            self._show_until(self._waiting[0] + 1 / self._rate)
            self._waiting = None
        if self._writer is not None:
            self._writer.release()

    def _open(self, rate: float) -> None:
        assert self._waiting is not None
        height, width = self._waiting[1].shape[:2]
        self._rate = min(max(rate, _SLOWEST), _FASTEST)
        code = cv2.VideoWriter.fourcc(*"VP80")
        with quiet(), _no_words():
            self._writer = cv2.VideoWriter(str(self._path), cv2.CAP_FFMPEG, code, self._rate, (width, height))
        self._size = width, height
        if not self._writer.isOpened():
            raise UserError(f"OpenCV cannot write the video {self._path}; is there room, and may you write?")

    def _show_until(self, time_s: float) -> None:
        """Show the waiting frame until its successor comes; not at all if that comes too soon."""
        assert self._writer is not None and self._waiting is not None
        picture = self._waiting[1]
        if (picture.shape[1], picture.shape[0]) != self._size:  # the size may change within a video
            picture = cv2.resize(picture, self._size)
        while self._written < round((time_s - self._begin) * self._rate):
            self._writer.write(picture)
            self._written += 1


@contextmanager
def drawn_video(path: Path) -> Iterator[VideoWriter]:
    """Give a writer whose file appears when the block ends well.

    Args:
        path: Ends in `SUFFIX`.
    """
    with replacing(path) as temporary:
        writer = VideoWriter(temporary)
        try:
            yield writer
        finally:
            writer.close()


@contextmanager
def _no_words() -> Iterator[None]:
    """OpenCV tells the terminal, whatever its log level, that WebM has no tag for VP8; it needs none."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
