"""Frames of a video file with their own times, as a player shows them, and where the file breaks off.

Frames are decoded from the beginning even if only a later part is wanted, because a jump into a compressed
video does not always land on the frame that was meant, and a number or a time that is wrong would be worse
than a wait. Times are those stored with the frames, so they are right for a variable frame rate, too; a
phone's turned videos come out upright.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from ferda.data.films import open_film
from ferda.errors import UserError
from ferda.faces.images import UnreadableImage

#: Endings of files that are taken for videos, in lower case.
VIDEOS = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv", ".flv"),
        *(".3gp", ".ts", ".mts", ".m2ts", ".ogv"),
    }
)
#: For times that a file does not tell.
_USUAL_RATE = 25.0
#: A file has broken off if more than this is missing at its end, in seconds and as a share of its length;
#: headers promise a little too much when the sound is longer than the picture.
_MISSING_S, _MISSING_SHARE = 0.5, 0.01


class Frame(NamedTuple):
    """One frame: its number in the video from 0, its time in seconds, and (H, W, 3) uint8 RGB."""

    number: int
    time_s: float
    image: np.ndarray


class Film:
    """A video file, frame by frame.

    Args:
        path: The file.
        step: Every how many frames one is taken, from the first within the range.
        start_s: From this time on, in seconds.
        end_s: Up to, and without, this time; None for all.

    Attributes:
        total: About how many frames will be taken, by the header; 0 if it does not say.
        broken: After the last frame: why the video ended before its time, in words; None if it did not.

    Raises:
        UnreadableImage: If there is no video in the file.
        UserError: If step or range make no sense.
    """

    is_live = False

    def __init__(
        self, path: str | Path, step: int = 1, start_s: float = 0.0, end_s: float | None = None
    ) -> None:
        check_range(step, start_s, end_s)
        self.name = str(path)
        self.broken: str | None = None
        self._step, self._start, self._end = step, start_s, math.inf if end_s is None else end_s
        self._film = open_film(Path(path))
        rate, count = (self._film.get(key) for key in (cv2.CAP_PROP_FPS, cv2.CAP_PROP_FRAME_COUNT))
        self._rate = rate if math.isfinite(rate) and rate > 0 else _USUAL_RATE
        self._promised = max(0.0, count / self._rate) if math.isfinite(count) else 0.0
        taken = min(self._promised, self._end) - min(start_s, self._promised)
        self.total = math.ceil(round(taken * self._rate, 3) / step)

    def frames(self, skip: int = 0) -> Iterator[Frame]:
        """Yield the frames, once.

        Args:
            skip: Number of frames that would be yielded first and are not.

        Raises:
            UnreadableImage: If none can be decoded, or the video ends before the range begins.
        """
        number, time, first = -1, -math.inf, None
        taken = 0
        try:
            while self._film.grab():
                number, time = number + 1, self._time_after(time)
                if time >= self._end:
                    return
                if time < self._start:
                    continue
                first = number if first is None else first
                if (number - first) % self._step:
                    continue
                taken += 1
                if taken > skip:
                    is_there, picture = self._film.retrieve()
                    if not is_there:
                        break
                    yield Frame(number, time, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))
        finally:
            self._film.release()
        if number < 0:
            raise UnreadableImage("it holds no frame that can be decoded", self.name)
        if first is None:
            raise UnreadableImage(f"it ends at {time:.2f} s, before the start that was asked for", self.name)
        self.broken = self._shortfall(time + 1 / self._rate)

    def _time_after(self, last: float) -> float:
        """The time of the frame just grabbed; streams without times are taken for evenly spaced."""
        told = self._film.get(cv2.CAP_PROP_POS_MSEC) / 1000
        if math.isfinite(told) and told > last and told >= 0:
            return told
        return max(last, -1 / self._rate) + 1 / self._rate

    def _shortfall(self, end: float) -> str | None:
        if self._promised - end <= max(_MISSING_S, _MISSING_SHARE * self._promised):
            return None
        return f"the video breaks off at {end:.2f} s, its header promises {self._promised:.2f} s"


def read_frames(
    path: str | Path, step: int = 1, start_s: float = 0.0, end_s: float | None = None
) -> Iterator[Frame]:
    """Yield the frames of a video: number, time in seconds, and (H, W, 3) uint8 RGB.

    Args:
        path: The file.
        step: Every how many frames one is taken, from the first within the range.
        start_s: From this time on, in seconds.
        end_s: Up to, and without, this time; None for all.

    Raises:
        UnreadableImage: If there is no video in the file, or it ends before the range begins.
        UserError: If step or range make no sense.
    """
    return Film(path, step, start_s, end_s).frames()


def is_video(path: str | Path) -> bool:
    """Whether a file's name says that it is a video.

    Args:
        path: The file.
    """
    return Path(path).suffix.lower() in VIDEOS


def check_range(step: int, start_s: float, end_s: float | None) -> None:
    """Refuse a step or a range of time that takes no frame.

    Args:
        step: Every how many frames one is taken.
        start_s: From this time on, in seconds.
        end_s: Up to, and without, this time; None for all.

    Raises:
        UserError: With what is wrong.
    """
    if step < 1:
        raise UserError(f"A step takes every first frame or fewer, so it is at least 1; got {step}.")
    if not (start_s >= 0 and math.isfinite(start_s)):
        raise UserError(f"A video starts at 0 s; it cannot be read from {start_s:g} s on.")
    if end_s is not None and not end_s > start_s:
        raise UserError(f"The end at {end_s:g} s must be after the start at {start_s:g} s.")
