"""The engine `local`: processes of this machine, or none.

Workers are spawned, not forked: a fork of a process in which torch has started threads hangs.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from ferda.data.engines import AHEAD, ONE_THREAD, Result, WorkerLostError, environment

_tool_here: list[Callable[..., Any]] = []


def run(
    make: Callable[[], Callable[..., Result]],
    chunks: Sequence[tuple[Any, ...]],
    *,
    workers: int,
    device: str,
) -> Generator[Result]:
    """Yield what the tool answers to each chunk, in the order in which they are finished.

    Args:
        make: Makes the tool, once in each process.
        chunks: Each holds the arguments of one call of the tool.
        workers: Number of processes; 0 works in this one.
        device: Where the tool computes; processes of one machine share it.

    Raises:
        WorkerLostError: If a process died.
    """
    if workers <= 0 or len(chunks) < 2:
        tool = make()
        for chunk in chunks:
            yield tool(*chunk)
        return
    with (
        environment(ONE_THREAD),
        ProcessPoolExecutor(
            min(workers, len(chunks)), mp_context=get_context("spawn"), initializer=_begin, initargs=(make,)
        ) as pool,
    ):
        waiting: set[Future[Result]] = set()
        left = list(reversed(chunks))
        try:
            while left or waiting:
                while left and len(waiting) < AHEAD * workers:
                    waiting.add(pool.submit(_work, left.pop()))
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


def _begin(make: Callable[[], Callable[..., Any]]) -> None:
    import cv2

    cv2.setNumThreads(1)
    _tool_here[:] = [make()]


def _work(chunk: tuple[Any, ...]) -> Any:
    return _tool_here[0](*chunk)
