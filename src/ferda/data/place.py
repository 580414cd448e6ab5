"""The place where a pack appears: who may take it, and what a failure leaves there (nothing)."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from ferda.data.engines import WorkerLostError
from ferda.data.estimate import size_words
from ferda.data.pack import Pack, is_pack
from ferda.errors import UserError

_NO_ROOM = {
    errno.ENOSPC: "The disk is full",
    errno.EDQUOT: "Your share of the disk is full",
    errno.EFBIG: "The disk takes no file of this size",
}


def hidden_folder(out: Path) -> Path:
    """Return where a pack is written before it appears.

    Args:
        out: Where it shall appear.
    """
    return out.with_name(f".{out.name}.partial")


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


def put_back(out: Path) -> None:
    """Undo what a killed run left: an old pack that was moved aside returns, or goes if the new one is there.

    Args:
        out: Where the pack shall appear.
    """
    aside = f".{glob.escape(out.name)}.*.old"
    if not any(out.parent.glob(aside)):
        return
    with alone(hidden_folder(out)):
        for old in out.parent.glob(aside):
            if out.exists():
                shutil.rmtree(old)
            else:
                old.replace(out)


def check_room(out: Path, need: int) -> None:
    """Refuse what the disk has no room for, before work begins.

    What an interrupted run has written counts as room: it is gone on with, or removed.

    Args:
        out: Where the pack shall appear.
        need: Bytes of the pack.

    Raises:
        UserError: If there is too little room.
    """
    here = next(path for path in out.absolute().parents if path.exists())
    begun = sum(_bytes_on_disk(path) for path in hidden_folder(out).rglob("*"))
    room = shutil.disk_usage(here).free + begun
    if room < need:
        raise UserError(
            f"The pack needs {size_words(need)}, and {here} has {size_words(room)} left: make room, or "
            "choose another place."
        )


def _bytes_on_disk(path: Path) -> int:
    # Windows does not tell; elsewhere a file may have holes, where blocks of rows are missing.
    found = path.stat()
    return 512 * found.st_blocks if hasattr(found, "st_blocks") else found.st_size


@contextlib.contextmanager
def alone(partial: Path, tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Let one process at a time prepare this place; the next one waits, then finds the pack.

    Args:
        partial: The hidden folder of the run.
        tell: Gets a sentence if there is somebody to wait for.
    """
    try:
        import fcntl
    except ImportError:  # Windows: two runs into one place at once are the user's to avoid
        yield
        return
    lock = partial.with_suffix(".lock")
    while True:
        with _writable(lock) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if tell:
                    tell("Another process prepares this pack; waiting for it.")
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
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise UserError(
                f"{_NO_ROOM[error.errno]} ({error.strerror}); nothing was left at {out}: make room, or "
                "choose another place, and run again."
            ) from error
        raise
