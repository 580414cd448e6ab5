"""Every pair within the radius, in both orientations, is found: against comparing all pairs one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.data import near_copies
from ferda.data.near_copies import NearPairs, near_pairs

Row = tuple[int, int]
#: Few different words with few different bits, so that near ones are frequent.
ROWS = st.lists(
    st.tuples(
        st.sampled_from([0, 2**64 - 1, 0b1011]) | st.integers(0, 255),
        st.sampled_from([0, 2**64 - 1, 2**64 - 8]) | st.integers(0, 255),
    ),
    max_size=11,
)


def compare(a: Row, b: Row) -> tuple[int, bool]:
    even, odd = (a[0] ^ b[0]).bit_count(), (a[1] ^ b[1]).bit_count()
    return even + min(odd, 64 - odd), 64 - odd < odd


def array(rows: list[Row]) -> np.ndarray:
    return np.array(rows, dtype=np.uint64).reshape(-1, 2)


def collect(*arguments: Any) -> set[tuple[int, int, int, bool]]:
    found: list[tuple[int, int, int, bool]] = []
    for pairs in near_pairs(*arguments):
        found += zip(*(part.tolist() for part in vars(pairs).values()), strict=True)
    assert len(found) == len(set(found))
    return set(found)


def itself(pairs: NearPairs) -> NearPairs:
    return pairs


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_copies, "_ROWS", 3)
        patch.setattr(near_copies, "_COLUMNS", 4)
        patch.setattr(near_copies, "_AHEAD", 2)
        yield


@settings(max_examples=settings.default.max_examples // 2)
@given(ROWS, ROWS, st.integers(0, 70))
def test_two_lists(first: list[Row], second: list[Row], radius: int) -> None:
    expected = {
        (i, j, *compare(a, b))
        for i, a in enumerate(first)
        for j, b in enumerate(second)
        if compare(a, b)[0] <= radius
    }
    assert collect(array(first), array(second), itself, radius) == expected


@settings(max_examples=settings.default.max_examples // 2)
@given(ROWS, st.integers(0, 70))
def test_one_list_with_itself(rows: list[Row], radius: int) -> None:
    expected = {
        (i, j, *compare(rows[i], rows[j]))
        for i in range(len(rows))
        for j in range(i)
        if compare(rows[i], rows[j])[0] <= radius
    }
    assert collect(array(rows), None, itself, radius) == expected


def test_answers_come_in_the_order_of_the_rows() -> None:
    rows = np.zeros((10, 2), dtype=np.uint64)
    firsts = list(near_pairs(rows, rows, lambda pairs: sorted(set(pairs.first.tolist()))))
    assert firsts == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]
