"""The next batch in the background: the right one, by another thread, and its failures where they belong."""

from __future__ import annotations

import threading

import pytest

from ferda.batch import DomainBatch
from ferda.data.ahead import Ahead


def test_the_batch_after_the_asked_one_is_made_without_asking() -> None:
    made, by = [], set()
    second = threading.Event()

    def make(step: int) -> DomainBatch:
        made.append(step)
        by.add(threading.get_ident())
        if step == 8:
            second.set()
        return DomainBatch((), None, step)

    ahead = Ahead()
    assert ahead(make, 7).turn == 7
    assert second.wait(60), "step 8 was not begun"
    assert ahead(make, 8).turn == 8
    # another step than the next, as after resuming
    assert [ahead(make, step).turn for step in (3, 4, 4)] == [3, 4, 4]
    ahead._thread.shutdown()
    assert made[:3] == [7, 8, 9] and made.count(8) == 1
    assert len(by) == 1 and threading.get_ident() not in by


def test_a_failure_is_raised_when_its_step_is_asked_for() -> None:
    def make(step: int) -> DomainBatch:
        if step == 1:
            raise OSError("the disk is gone")
        return DomainBatch((), None, step)

    ahead = Ahead()
    assert ahead(make, 0).turn == 0
    with pytest.raises(OSError, match="the disk is gone"):
        ahead(make, 1)
    assert ahead(make, 2).turn == 2
