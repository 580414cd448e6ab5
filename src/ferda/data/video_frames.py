"""Frames of videos as if each were a picture: `S001-001.avi/00034.png` is the 34th of `S001-001.avi`.

A frame is decoded when it is asked for, from the beginning of its video, because jumping into the middle of a
compressed one does not always land on the frame that was meant. Nothing is written to the disk.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import cv2

from ferda.data.films import open_film
from ferda.data.readers.source import ImageSource
from ferda.faces.images import UnreadableImage

_FRAME = re.compile(r"(?P<video>.+\.avi)/(?P<number>\d+)\.png", re.IGNORECASE)


class WithVideoFrames:
    """Pictures of a folder and chosen frames of its videos; an `ImageSource`.

    Args:
        pictures: The folder's pictures.
        frames: Names as `frame_names` gives them.
    """

    def __init__(self, pictures: ImageSource, frames: Sequence[str]) -> None:
        self._pictures = pictures
        self._frames = sorted(frames)

    @property
    def root(self) -> Path:
        """The folder."""
        return self._pictures.root

    def files(self) -> list[str]:
        """Names of all pictures and of the chosen frames, sorted."""
        return sorted([*self._pictures.files(), *self._frames])

    def stamps(self) -> list[str]:
        """One line a picture or frame that changes when its file does."""
        lines = self._pictures.stamps()
        for name in self._frames:
            about = (self.root / name).parent.stat()
            lines.append(f"{name}\t{about.st_size}\t{about.st_mtime_ns}")
        return sorted(lines)

    def read(self, file: str) -> bytes:
        """Return a picture, or a frame as PNG.

        Args:
            file: Name as in `files`.

        Raises:
            OSError: If there is no such picture or frame, or it is damaged.
            UserError: If the name leaves the root.
        """
        match = _FRAME.fullmatch(file)
        if match is None or file not in self._frames:
            return self._pictures.read(file)
        try:
            film = open_film(self.root / match["video"])
        except UnreadableImage as error:
            raise OSError(str(error)) from error
        try:
            is_there = all(film.grab() for _ in range(int(match["number"])))
            picture = film.retrieve()[1] if is_there else None
        finally:
            film.release()
        if picture is None:
            raise OSError(f"{match['video']} holds no frame {int(match['number'])} that can be decoded")
        return bytes(cv2.imencode(".png", picture)[1])


def frame_names(root: Path, video: str) -> list[str]:
    """Return the names of all frames of a video, in order, as its header counts them; none if it has none.

    Args:
        root: The folder.
        video: Name within.
    """
    try:
        film = open_film(root / video)
    except UnreadableImage:
        return []
    count = int(film.get(cv2.CAP_PROP_FRAME_COUNT))
    film.release()
    return [f"{video}/{number:05d}.png" for number in range(1, count + 1)]
