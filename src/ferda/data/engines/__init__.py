"""Where work on many pictures runs. The folder is the registry: one file, one engine, its function `run`.

An engine is given chunks, and a function that makes the tool which works on them. Each worker makes its tool
once: a cropper, or a model with its weights. A few chunks are on their way at a time, however many there are,
and results come back as they are finished, so each has to say where it belongs. No worker writes anything.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pkgutil
import platform
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ferda.errors import UserError, nearest

Result = TypeVar("Result")
#: Chunks that a worker has been given and has not answered: one in work, one that waits for it.
AHEAD = 2
#: Ten workers with ten threads each are slower than ten with one.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class WorkerLostError(UserError):
    """A worker died, or none could start. Like an interrupt, this keeps what is done for the next run."""


class Engine(Protocol):
    """Works on chunks, in this process or in others."""

    def __call__(
        self, make: Callable[[], Callable[..., Result]], chunks: Sequence[tuple[Any, ...]]
    ) -> Generator[Result]:
        """Yield what the tool answers to each chunk, in the order in which they are finished.

        Who stops early closes it, which ends the workers.

        Args:
            make: Makes the tool; is called once by each worker. Can be pickled, as chunks and results can.
            chunks: Each holds the arguments of one call of the tool.

        Raises:
            WorkerLostError: If no worker can start, or one died and its chunk could not be given to another.
        """


def list_engines() -> list[str]:
    """Names of all engines, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)]))


def find_engine(name: str, workers: int = 0, device: str = "cpu") -> Engine:
    """Return an engine, ready to be given work.

    Args:
        name: One of `list_engines()`.
        workers: How many work at a time; what 0 means is the engine's choice.
        device: Where tools compute.

    Raises:
        UserError: If there is no such engine.
    """
    if name not in list_engines():
        raise UserError(
            f"There is no engine '{name}'{nearest(name, list_engines())}; take {' or '.join(list_engines())}."
        )
    run = importlib.import_module(f"{__name__}.{name}").run
    return partial(run, workers=workers, device=device)


def must_see(path: Path) -> None:
    """Let a worker refuse work on files that it does not have, else all of them would count as unreadable.

    Args:
        path: Is there on the machine that hands out the work.

    Raises:
        WorkerLostError: If it is not there on this one.
    """
    if not path.exists():
        raise WorkerLostError(
            f"{platform.node()} has no {path}; every worker must find the files at the same path."
        )


@contextlib.contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """Set environment variables for as long as workers are started.

    Args:
        values: Their values by name.
    """
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
