"""Does the jobs of a store, one after the other, in a thread."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ferda.errors import UserError
from ferda.web.jobs.store import ENDED, Job, Jobs
from ferda.web.refusal import Refused

#: Is told how much is done, and of how much; what it raises must pass.
Progress = Callable[[int, int], None]
#: Does a job in its folder.
Task = Callable[[Job, Path, Progress], None]
_LOG = logging.getLogger("ferda.web")
#: Seconds between two notes of progress.
_EVERY = 0.5


class _Interrupted(BaseException):
    """Leaves a job at its next report; no mistake, so nobody who catches mistakes keeps it."""


class Runner:
    """Does jobs.

    Args:
        jobs: The list.
        tasks: How each kind of job is done.
    """

    def __init__(self, jobs: Jobs, tasks: Mapping[str, Task]) -> None:
        self._jobs, self._tasks = jobs, tasks
        self._stopping, self._cancelled = threading.Event(), threading.Event()
        self._changed = threading.Condition()
        self._current: str | None = None
        self._thread = threading.Thread(target=self._work, name="ferda-jobs", daemon=True)

    def start(self) -> None:
        """Begin with what waits."""
        self._thread.start()

    def notice(self) -> None:
        """Say that there is a new job."""
        with self._changed:
            self._changed.notify()

    def drop(self, job: Job) -> None:
        """Cancel a job that waits or is at work; remove one that has ended.

        Args:
            job: As it stands.
        """
        with self._changed:
            if job.id == self._current:
                self._cancelled.set()
            elif (now := self._jobs.get(job.id)) is not None and now.state in ENDED:
                self._jobs.remove(job.id)
            else:
                self._jobs.end(job.id, "cancelled")

    def stop(self, seconds: float) -> bool:
        """Interrupt what is at work, so that it waits for the next start; return whether it did in time.

        Args:
            seconds: To wait for that.
        """
        self._stopping.set()
        self.notice()
        self._thread.join(seconds)
        if self._thread.is_alive() and self._current is not None:
            self._jobs.wait_again(self._current)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while not self._stopping.is_set():
            with self._changed:
                job = self._jobs.begin()
                self._current = None if job is None else job.id
                self._cancelled.clear()
                if job is None:
                    self._changed.wait(5)
                    continue
            self._do(job)

    def _do(self, job: Job) -> None:
        state, error = "done", None
        try:
            self._tasks[job.kind](job, self._jobs.place(job.id), self._reporter(job.id))
        except _Interrupted:
            state = "cancelled" if self._cancelled.is_set() else "queued"
        except (UserError, Refused) as mistake:
            state, error = "failed", str(mistake)
        except Exception:
            _LOG.exception("job %s", job.id)
            state, error = "failed", "This is a mistake of ferda, not yours; its log says more."
        with self._changed:
            self._current = None
            if state == "queued":
                self._jobs.wait_again(job.id)
            else:
                self._jobs.end(job.id, state, error)

    def _reporter(self, job: str) -> Progress:
        noted = -_EVERY

        def report(done: int, total: int) -> None:
            nonlocal noted
            if self._stopping.is_set() or self._cancelled.is_set():
                raise _Interrupted
            if time.monotonic() - noted >= _EVERY or done == total:
                self._jobs.note(job, done, total)
                noted = time.monotonic()

        return report
