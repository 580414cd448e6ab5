"""What a preparation will cost, told before it begins: how large, which is arithmetic, and how long.

The time is measured on a pilot: the real work on a few pictures spread over the whole list, since the first
ones of a list are seldom like the rest. What happens once (the detector's weights are read, torch is loaded)
falls on the pilot's first part, which is timed apart. A processor that is shared with others, or a device
that several workers share, takes longer than this says.
"""

from __future__ import annotations

import contextlib
import math
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ferda.data.cropping import Cropper
from ferda.data.readers.source import ImageSource
from ferda.data.working import BLOCK
from ferda.errors import UserError
from ferda.faces.crops import CropRule

#: Pictures of the pilot, of which every fourth is not timed.
PILOT = 64
#: With fewer pictures the pilot would be a twentieth of the work, or more.
WORTH_A_PILOT = 20 * PILOT
#: What a row has beside its pixels, roughly: landmarks, manifest, record.
_BESIDE = 600
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Estimate:
    """What is left to do.

    Attributes:
        total: Pictures in all.
        left: Pictures that have to be prepared yet.
        size: Side of a picture in pixels.
        bytes: Of the pack.
        seconds: How long it takes.
        workers: How many work at a time, 0 for this process.
        timed: Pictures that the time was measured on.
    """

    total: int
    left: int
    size: int
    bytes: int
    seconds: float
    workers: int
    timed: int

    def sentence(self) -> str:
        """Say it to the user."""
        left = "" if self.left == self.total else f"{self.left:,} of "
        workers = f" with {self.workers} worker{'s' * (self.workers > 1)}" if self.workers else ""
        return (
            f"{left}{self.total:,} pictures, {self.size} px: {size_words(self.bytes)}, about "
            f"{time_words(self.seconds)}{workers} (from {self.timed} of them)."
        )


def pack_bytes(count: int, size: int) -> int:
    """Return how large a pack is.

    Args:
        count: Pictures.
        size: Side of each in pixels.
    """
    return count * (size * size * 3 + _BESIDE)


def estimate(
    rows: pd.DataFrame,
    total: int,
    images: ImageSource,
    rule: CropRule,
    *,
    workers: int = 0,
    device: str = "cpu",
) -> Estimate:
    """Prepare a few pictures, throw them away, and say how long all will take.

    Args:
        rows: What is left; columns that `Cropper` reads.
        total: Pictures in all.
        images: Opens the pictures.
        rule: How faces are cut out.
        workers: Processes, each of which takes whole blocks; more than there are processors do not help.
        device: Where the detector runs.

    Raises:
        UserError: If no row is left.
    """
    if rows.empty:
        raise UserError(f"{images.root} has no rows to prepare.")
    cropper = Cropper(images, rule, device)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(PILOT, len(rows))).astype(int))
    first = chosen[::4]
    timed = np.setdiff1d(chosen, first) if len(chosen) > 1 else first
    begun = time.perf_counter()
    cropper(0, rows.iloc[first])
    warm = time.perf_counter()
    with _one_thread() if workers else contextlib.nullcontext():
        cropper(0, rows.iloc[timed])
    each = (time.perf_counter() - warm) / len(timed)
    once = max(0.0, warm - begun - each * len(first))
    rounds = math.ceil(math.ceil(len(rows) / BLOCK) / min(max(workers, 1), _processors()))
    seconds = once + each * min(len(rows), rounds * BLOCK)
    return Estimate(total, len(rows), rule.size, pack_bytes(total, rule.size), seconds, workers, len(timed))


def size_words(count: float) -> str:
    """Return `1.2 GB` and the like.

    Args:
        count: Bytes.
    """
    power = min(len(_UNITS) - 1, int(math.log(max(count, 1), 1000)))
    shown = count / 1000**power
    return f"{shown:.1f} {_UNITS[power]}" if power and shown < 10 else f"{shown:.0f} {_UNITS[power]}"


def time_words(seconds: float) -> str:
    """Return `40 seconds`, `6 minutes` or `2.5 hours`: no more digits than are true.

    Args:
        seconds: A duration.
    """
    if seconds < 90:
        return f"{max(10, 10 * round(seconds / 10))} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Work as a worker does, which has one thread."""
    import cv2

    torch = sys.modules.get("torch")  # a crop without a detector does without
    before = cv2.getNumThreads(), torch.get_num_threads() if torch else 1
    cv2.setNumThreads(1)
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before[0])
        if torch:
            torch.set_num_threads(before[1])
