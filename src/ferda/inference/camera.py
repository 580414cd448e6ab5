"""Frames of a camera while it runs: always the newest, however long the judging of the last one took."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np

from ferda.data.films import quiet
from ferda.errors import UserError
from ferda.inference.frames import Frame, check_range

#: What a camera's name begins with: `camera:0`, or `camera:` and the address of one in the network.
PREFIX = "camera:"
_PATIENCE_S = 2.0  # for a camera to let go


def is_camera(source: object) -> bool:
    """Whether a source is a camera's name.

    Args:
        source: What a user wrote.
    """
    return isinstance(source, str) and source.startswith(PREFIX)


class Camera:
    """A camera, frame by frame. Numbers count what it took, so frames that nobody had time for are missing.

    Args:
        source: `camera:0` for the first of the machine, or `camera:rtsp://...`.
        step: Every how many frames one is taken, at most.
        start_s: From this time on, in seconds since the first frame.
        end_s: Up to, and without, this time; None until it is interrupted.
        open_camera: Makes what is read from of a number or an address.

    Attributes:
        name: The source, without a password in its address.
        total: 0: nobody knows how many frames there will be.
        broken: After the last frame: why the camera ended before its time; None if it did not.

    Raises:
        UserError: If there is no such camera, or step or range make no sense.
    """

    is_live = True
    total = 0

    def __init__(
        self,
        source: str,
        step: int = 1,
        start_s: float = 0.0,
        end_s: float | None = None,
        *,
        open_camera: Callable[..., cv2.VideoCapture] = cv2.VideoCapture,
    ) -> None:
        check_range(step, start_s, end_s)
        self.name = re.sub(r"//[^/@]*@", "//", source)
        self.broken: str | None = None
        self._step, self._start, self._end = step, start_s, end_s
        place = source.removeprefix(PREFIX)
        with quiet():
            self._camera = open_camera(int(place) if place.isdecimal() else place)
        if not self._camera.isOpened():
            raise UserError(
                f"There is no camera at '{self.name}', or another program uses it; name one as 'camera:0', "
                "or by its address as 'camera:rtsp://...'."
            )
        self._changed = threading.Condition()
        self._newest: Frame | None = None
        self._is_over = False

    def frames(self, skip: int = 0) -> Iterator[Frame]:
        """Yield the newest frame, again and again, once each.

        Args:
            skip: Number of frames that would be yielded first and are not.
        """
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        wanted = 0
        try:
            while (frame := self._await(wanted)) is not None:
                if self._end is not None and frame.time_s >= self._end:
                    return
                wanted = frame.number + self._step
                if frame.time_s >= self._start and (skip := skip - 1) < 0:
                    yield frame._replace(image=cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB))
            self.broken = "the camera stopped by itself"
        finally:
            self._is_over = True
            watcher.join(_PATIENCE_S)

    def _await(self, wanted: int) -> Frame | None:
        """The newest frame, as soon as its number is `wanted` or above; None if none will come."""

        def is_there() -> bool:
            return self._newest is not None and self._newest.number >= wanted

        with self._changed:
            self._changed.wait_for(lambda: is_there() or self._is_over)
            return self._newest if is_there() else None

    def _watch(self) -> None:
        """Keep the newest frame. Runs beside the judging, since a camera's own queue would make us late."""
        begun, number = None, 0
        try:
            while not self._is_over:
                is_there, picture = self._camera.read()
                if not is_there:
                    break
                now = time.monotonic()
                begun = now if begun is None else begun
                self._tell(Frame(number, now - begun, np.asarray(picture)))
                number += 1
        finally:
            self._camera.release()
            self._tell(None)

    def _tell(self, frame: Frame | None) -> None:
        with self._changed:
            self._newest = frame or self._newest
            self._is_over = self._is_over or frame is None
            self._changed.notify_all()
