"""The place where a pack appears: who may take it, and what a failure leaves there (nothing)."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ferda.data.engines import WorkerLostError
from ferda.data.pack import Pack, is_pack
from ferda.errors import UserError


def is_there_already(out: Path, key: str, force: bool) -> bool:
    """Return whether the very pack is there already; refuse a place that something else holds.

    Args:
        out: Where the pack shall appear.
        key: What it is made from and how.
        force: Whether another or a damaged pack may be replaced. What is no pack is never replaced.

    Raises:
        UserError: If the place is taken, or the pack there is damaged.
    """
    if is_pack(out):
        try:
            if Pack.open(out).description.get("made_from") == key:
                return True
        except UserError:
            if not force:
                raise
        if not force:
            raise UserError(
                f"{out} is a pack made from other files or by another rule (or by another ferda); choose "
                "another place, or replace it with force (--force)."
            )
    elif out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise UserError(f"{out} is taken by something that is no pack; choose another place.")
    return False


@contextlib.contextmanager
def alone(partial: Path) -> Iterator[None]:
    """Let one process at a time prepare this place; the next one waits, then finds the pack.

    Args:
        partial: The hidden folder of the run.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two runs into one place at once are the user's to avoid
        yield
        return
    lock = partial.with_suffix(".lock")
    while True:
        with _writable(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if _is_still(lock, file):
                try:
                    yield
                finally:
                    lock.unlink(missing_ok=True)
                return


def _is_still(path: Path, file: TextIO) -> bool:
    """Whether the path is that file: the one before us may have removed it, or a third one made another."""
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _writable(path: Path) -> TextIO:
    try:
        return path.open("w")
    except OSError as error:
        raise UserError(
            f"{path.parent} cannot be written ({error.strerror}); choose another place."
        ) from error


@contextlib.contextmanager
def leaving_nothing(partial: Path, out: Path) -> Iterator[None]:
    """Remove what was written when the run fails; being killed or interrupted keeps it.

    Args:
        partial: The hidden folder of the run.
        out: Where the pack was to appear.

    Raises:
        UserError: If the disk was full.
    """
    try:
        yield
    except WorkerLostError:
        raise
    except Exception as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full ({error.strerror}); nothing was left at {out}: make room and run again."
            ) from error
        raise
