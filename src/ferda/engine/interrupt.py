"""Ctrl-C and SIGTERM finish the step, so that the run can be saved; a second one stops at once."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupt:
    """While it is open, the first SIGINT or SIGTERM only sets `is_set`."""

    def __init__(self) -> None:
        self.is_set = False
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        # Python lets only the main thread install handlers; elsewhere the caller's own hold
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._notice)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._restore()

    def _notice(self, number: int, frame: FrameType | None) -> None:
        self.is_set = True
        self._restore()

    def _restore(self) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)
        self._former.clear()
