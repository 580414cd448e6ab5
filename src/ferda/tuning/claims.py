"""Who trains a trial right now: whoever holds the lock of its folder.

The system lets a lock go when its process ends, however it ends. So a trial that is said to be running, and
whose lock is free, was killed, and can be taken over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path


class Claim:
    """The lock of a folder, held.

    Args:
        file: Open and locked.
    """

    def __init__(self, file: TextIOWrapper) -> None:
        self._file = file

    def release(self) -> None:
        """Let it go."""
        self._file.close()


def claim(folder: Path) -> Claim | None:
    """Take the lock of a folder, if nobody has it.

    Args:
        folder: It is made if it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = (folder / "lock").open("w")
    if _lock(file, wait=False):
        return Claim(file)
    file.close()
    return None


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time pass.

    Args:
        path: File that is locked meanwhile.
    """
    with path.open("w") as file:
        _lock(file, wait=True)
        yield


def _lock(file: TextIOWrapper, *, wait: bool) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows: two searches in one folder at once are the user's to avoid
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True
