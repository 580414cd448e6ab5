"""Requests go together, and one that breaks spoils no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from ferda.web.batcher import Batcher


def image(value: int) -> np.ndarray:
    return np.full((2, 2, 3), value, np.uint8)


class Names:
    """Answers with the value of each picture, waits to be let go, and breaks at 13."""

    def __init__(self) -> None:
        self.passes: list[list[int]] = []
        self.has_begun, self.may_go = threading.Event(), threading.Event()

    def __call__(self, images: Sequence[np.ndarray]) -> list[list[int]]:
        values = [int(one[0, 0, 0]) for one in images]
        self.passes.append(values)
        self.has_begun.set()
        assert self.may_go.wait(60)
        if 13 in values:
            raise ValueError("thirteen")
        return [[value] for value in values]


@pytest.fixture
def names() -> Names:
    return Names()


def batcher(names: Names, most: int = 8, seen: list | None = None) -> Batcher:
    return Batcher(
        names, most=most, wait_s=0, see=lambda *told: (seen if seen is not None else []).append(told)
    )


def test_who_asks_meanwhile_goes_together(names: Names) -> None:
    seen: list = []
    ask = batcher(names, seen=seen)
    first = ask([image(1)])
    assert names.has_begun.wait(60)
    rest = [ask([image(2), image(3)]), ask([image(4)])]
    names.may_go.set()
    assert first.result(60) == [[1]]
    assert [one.result(60) for one in rest] == [[[2], [3]], [[4]]]
    assert names.passes == [[1], [2, 3, 4]]
    ask.close()
    assert [count for count, _ in seen] == [1, 3]


def test_a_pass_is_no_larger_than_allowed(names: Names) -> None:
    ask = batcher(names, most=3)
    ask([image(0)])
    assert names.has_begun.wait(60)
    rest = [ask([image(1), image(2)]), ask([image(3), image(4)]), ask([image(n) for n in range(5, 10)])]
    names.may_go.set()
    assert [len(one.result(60)) for one in rest] == [2, 2, 5]
    ask.close()
    assert names.passes == [[0], [1, 2], [3, 4], [5, 6, 7, 8, 9]]


def test_a_picture_that_breaks_spoils_its_own_request_alone(names: Names) -> None:
    ask = batcher(names)
    ask([image(0)])
    assert names.has_begun.wait(60)
    good, bad, last = ask([image(1)]), ask([image(13)]), ask([image(2)])
    names.may_go.set()
    assert good.result(60) == [[1]] and last.result(60) == [[2]]
    with pytest.raises(ValueError, match="thirteen"):
        bad.result(60)
    ask.close()


def test_what_was_given_up_is_not_judged_and_the_end_answers_the_rest(names: Names) -> None:
    ask = batcher(names)
    ask([image(0)])
    assert names.has_begun.wait(60)
    given_up, kept = ask([image(1)]), ask([image(2)])
    assert given_up.cancel()
    names.may_go.set()
    ask.close()
    assert kept.result(0) == [[2]] and names.passes == [[0], [2]]
