"""What a preparation will cost: arithmetic, and a pilot whose clock is wound by hand."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.data import estimate as module
from ferda.data.estimate import Estimate, estimate, pack_bytes, size_words, time_words
from ferda.data.pack import write_pack
from ferda.data.readers.source import FolderSource
from ferda.data.working import BLOCK
from ferda.faces.crops import CropRule

RULE = CropRule("whole", size=112, detect=False)


class Clockwork:
    """A cropper that takes 20 s to begin, and for the picture of row r the time of `cost(r)`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: Callable[[int], float]) -> None:
        self.now, self.cost, self.parts, self.is_warm = 0.0, cost, [list[int]()], False
        self.parts.clear()
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)
        monkeypatch.setattr(module, "Cropper", lambda *_: self)

    def __call__(self, start: int, rows: pd.DataFrame) -> None:
        self.now += 0 if self.is_warm else 20
        self.is_warm = True
        self.parts.append(rows.index.tolist())
        self.now += sum(map(self.cost, rows.index))


def cost_of(rows: int, workers: int = 0) -> Estimate:
    frame = pd.DataFrame({"file": [""] * rows})
    return estimate(frame, rows, FolderSource("."), RULE, workers=workers)


@pytest.mark.parametrize(("workers", "most"), [(0, 10_000), (1, 10_000), (3, 14 * BLOCK), (40, BLOCK)])
def test_what_happens_once_is_not_multiplied(
    monkeypatch: pytest.MonkeyPatch, workers: int, most: int
) -> None:
    """Forty blocks among three: one of them has fourteen."""
    monkeypatch.setattr(module, "_processors", lambda: 64)
    clock = Clockwork(monkeypatch, lambda row: 0.5)
    found = cost_of(10_000, workers)
    assert found.seconds == pytest.approx(20 + most / 2)
    assert (found.timed, found.workers) == (48, workers)
    assert clock.now == pytest.approx(20 + 64 * 0.5), "the pilot is all that was done"


def test_more_workers_than_processors_do_not_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_processors", lambda: 2)
    Clockwork(monkeypatch, lambda row: 0.5)
    assert cost_of(10_000, 16).seconds == pytest.approx(20 + 20 * BLOCK / 2)


def test_pictures_are_taken_from_the_whole_list(monkeypatch: pytest.MonkeyPatch) -> None:
    # the second half of the list is ten times as slow: the first rows alone would say a sixth of the time
    clock = Clockwork(monkeypatch, lambda row: 0.1 if row < 5000 else 1.0)
    assert cost_of(10_000).seconds == pytest.approx(20 + 5500, rel=0.03)
    for part in clock.parts:
        assert min(part) < 500 and max(part) > 9000
    assert len({row for part in clock.parts for row in part}) == 64


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_few_rows_are_measured_too(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    clock = Clockwork(monkeypatch, lambda row: 1.0)
    found = cost_of(rows)
    assert rows <= found.seconds <= 20 + 2 * rows
    assert max(clock.parts[-1]) < rows


def test_a_worker_is_timed_with_one_thread_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    import cv2
    import torch

    set_to: list[int] = []
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    monkeypatch.setattr(torch, "set_num_threads", set_to.append)
    monkeypatch.setattr(cv2, "getNumThreads", lambda: 7)
    monkeypatch.setattr(cv2, "setNumThreads", set_to.append)
    Clockwork(monkeypatch, lambda row: 1.0)
    cost_of(100)
    assert set_to == []
    cost_of(100, 2)
    assert set_to == [1, 1, 7, 5]


def test_a_pack_is_as_large_as_was_said(tmp_path: Path) -> None:
    files = pd.DataFrame({"file": [f"faces/of/somebody/{row:05d}.png" for row in range(500)]})
    write_pack(tmp_path / "pack", np.zeros((500, 48, 48, 3), np.uint8), files)
    there = sum(path.stat().st_size for path in (tmp_path / "pack").iterdir())
    assert 0.9 < there / pack_bytes(500, 48) <= 1


def test_the_sentence() -> None:
    found = Estimate(31_000, 31_000, 112, pack_bytes(31_000, 112), 371.0, 2, 48)
    assert found.sentence() == (
        "31,000 pictures, 112 px: 1.2 GB, about 6 minutes with 2 workers (from 48 of them)."
    )
    rest = Estimate(31_000, 1_280, 112, pack_bytes(31_000, 112), 42.0, 0, 48)
    assert rest.sentence().startswith("1,280 of 31,000 pictures, 112 px: 1.2 GB, about 40 seconds (from")
    words = [size_words(count) for count in (0, 999, 9_900, 12_345, 5e7, 2.34e9, 5e12)]
    assert words == ["0 bytes", "999 bytes", "9.9 kB", "12 kB", "50 MB", "2.3 GB", "5.0 TB"]
    times = [time_words(seconds) for seconds in (0.2, 44, 89, 100, 3599, 5400, 90_000)]
    assert times == [
        *("10 seconds", "40 seconds", "90 seconds", "2 minutes", "60 minutes", "1.5 hours", "25.0 hours")
    ]
