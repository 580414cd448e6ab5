"""Requests that come at the same time go through the network together.

A thread waits for the first picture, then a few milliseconds for more, and judges them in one pass. Alone, a
picture loses these milliseconds; with others, a pass costs little more than one picture's.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import numpy as np

from ferda.inference.face import PredictedFace

Faces = list[list[PredictedFace]]


@dataclass
class _Asked:
    images: Sequence[np.ndarray]
    answer: Future[Faces] = field(default_factory=Future)


class Batcher:
    """Judges the pictures of several requests together.

    Args:
        predict: Answers for pictures that fit into memory together, one list of faces for each.
        most: Pictures in a pass; one request with more goes alone.
        wait_s: Seconds that the first picture waits for others.
        see: Is told how many pictures were in a pass, and the seconds that it took.
    """

    def __init__(
        self,
        predict: Callable[[Sequence[np.ndarray]], Faces],
        *,
        most: int,
        wait_s: float,
        see: Callable[[int, float], None],
    ) -> None:
        self._predict, self._most, self._wait_s, self._see = predict, most, wait_s, see
        self._asked: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ferda-batcher", daemon=True)
        self._thread.start()

    def __call__(self, images: Sequence[np.ndarray]) -> Future[Faces]:
        """Ask for the faces in pictures.

        Args:
            images: uint8 RGB (H, W, 3); sizes may differ.
        """
        asked = _Asked(images)
        self._asked.put(asked)
        return asked.answer

    def close(self) -> None:
        """Answer what was asked, and end."""
        self._asked.put(None)
        self._thread.join()

    def _work(self) -> None:
        left: _Asked | None = None
        while (first := left or self._asked.get()) is not None:
            together, left, is_last = self._gather(first)
            self._judge([one for one in together if one.answer.set_running_or_notify_cancel()])
            if is_last:
                return

    def _gather(self, first: _Asked) -> tuple[list[_Asked], _Asked | None, bool]:
        """Those that go with the first, the one that no longer fitted, and whether none will follow."""
        together, count = [first], len(first.images)
        end = time.monotonic() + self._wait_s
        while count < self._most:
            try:
                more = self._asked.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                break
            if more is None:
                return together, None, True
            if count + len(more.images) > self._most:
                return together, more, False
            together.append(more)
            count += len(more.images)
        return together, None, False

    def _judge(self, together: Sequence[_Asked]) -> None:
        if not together:
            return
        began = time.monotonic()
        try:
            found = iter(self._predict([image for one in together for image in one.images]))
        except Exception as problem:
            # what broke may be one request's picture: the others get their answers
            if len(together) == 1:
                together[0].answer.set_exception(problem)
            for one in together if len(together) > 1 else ():
                self._judge([one])
            return
        self._see(sum(len(one.images) for one in together), time.monotonic() - began)
        for one in together:
            one.answer.set_result([next(found) for _ in one.images])
