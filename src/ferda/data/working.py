"""Blocks of rows through worker processes, a few in flight at a time, and back in whatever order they finish.

Workers are spawned, not forked: a fork of a process in which torch has started threads hangs. Each keeps to
one thread, since ten processes with ten threads each are slower than one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import current_process, get_context

import pandas as pd

from ferda.data.cropping import Cropped, Cropper
from ferda.data.readers.source import ImageSource
from ferda.errors import UserError
from ferda.faces.crops import CropRule

#: Rows of one block: the unit of work, of the record, and of what a killed run loses.
BLOCK = 256
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

_cropper_here: list[Cropper] = []


class WorkerLostError(UserError):
    """A worker process died. Like an interrupt, this keeps what is done, so that the next run continues."""


def crop_blocks(
    rows: pd.DataFrame,
    starts: Sequence[int],
    source: ImageSource,
    rule: CropRule,
    *,
    workers: int = 0,
    device: str = "cpu",
) -> Iterator[Cropped]:
    """Yield the cropped blocks, in this process or as workers finish them.

    Args:
        rows: Columns that `Cropper` reads.
        starts: First rows of the blocks wanted.
        source: Opens the pictures.
        rule: How faces are cut out.
        workers: Number of processes; 0 for none.
        device: Where the detector runs.
    """
    if workers <= 0 or len(starts) < 2:
        cropper = Cropper(source, rule, device)
        for start in starts:
            yield cropper(start, rows.iloc[start : start + BLOCK])
        return
    with (
        _one_thread_each(),
        ProcessPoolExecutor(
            min(workers, len(starts)),
            mp_context=get_context("spawn"),
            initializer=_begin,
            initargs=(source, rule, device),
        ) as pool,
    ):
        waiting: set[Future[Cropped]] = set()
        left = list(reversed(starts))
        try:
            while left or waiting:
                while left and len(waiting) < 2 * workers:
                    start = left.pop()
                    waiting.add(pool.submit(_crop, start, rows.iloc[start : start + BLOCK]))
                finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in finished:
                    yield future.result()
        except BrokenProcessPool as error:
            raise WorkerLostError(
                "A worker process died, for lack of memory or because the calling script has no "
                "`if __name__ == '__main__':`; run again to continue, with fewer workers or workers=0."
            ) from error
        finally:
            for future in waiting:
                future.cancel()


def refuse_a_second_start() -> None:
    """Raise in a worker that runs its caller's script again, which would otherwise wait for itself for ever.

    A spawned worker imports the script that started it; without `if __name__ == "__main__":` in that script
    it would prepare the same data again.

    Raises:
        UserError: If this process is such a worker.
    """
    if getattr(current_process(), "_inheriting", False):
        raise UserError("Put the script's own work below `if __name__ == '__main__':`, or use workers=0.")


def _begin(source: ImageSource, rule: CropRule, device: str) -> None:
    import cv2

    cv2.setNumThreads(1)
    _cropper_here[:] = [Cropper(source, rule, device)]


def _crop(start: int, rows: pd.DataFrame) -> Cropped:
    return _cropper_here[0](start, rows)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
