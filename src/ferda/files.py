"""Files appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`, which takes its place when the block ends well.

    If the block fails, by a full disk or a kill, a former file stays as it was; by a failure short of a kill
    the temporary file goes, too.

    Args:
        path: The file to write.

    Yields:
        A hidden path with the same ending, since some writers add one that they miss.
    """
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


class FreeNames:
    """Gives files of one folder names that are all different: `a`, `a-2`, `a-3`."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def __call__(self, stem: str) -> str:
        """Return the name, with a number behind it if it was given before.

        Args:
            stem: A file's name without its ending.
        """
        free, number = stem, 1
        while free in self._taken:
            number += 1
            free = f"{stem}-{number}"
        self._taken.add(free)
        return free
