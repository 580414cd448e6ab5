"""Streams: every row its turn, every class its share, and nothing but (seed, step) to remember."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.data.stream import Stream, seed_of

CLASSES = np.array([0] * 40 + [1] * 9 + [3] * 2 + [-1] * 5)


def seen(stream: Stream, steps: int) -> np.ndarray:
    return np.concatenate([stream.rows(step) for step in range(steps)])


@settings(max_examples=settings.default.max_examples // 2)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(0, 2**40))
def test_each_pass_shows_every_row_once(count: int, batch: int, seed: int) -> None:
    rows = seen(Stream(count, batch, seed), -(-3 * count // batch))
    for number in range(3):
        assert sorted(rows[number * count : (number + 1) * count]) == list(range(count))


def test_passes_have_different_orders_and_seeds_too() -> None:
    rows = seen(Stream(50, 50, 1), 2)
    assert not np.array_equal(rows[:50], rows[50:])
    assert not np.array_equal(rows[:50], Stream(50, 50, 2).rows(0))


@pytest.mark.parametrize(("balance", "cap"), [("none", None), ("class_balanced", None), ("class_cap", 4)])
def test_rows_follow_from_the_step_alone(balance: str, cap: int | None) -> None:
    steps = [9, 2, 40, 0, 2, 9, 7, 3]
    used = Stream(CLASSES, 13, 5, balance, cap)
    for step in steps:
        fresh = Stream(CLASSES, 13, 5, balance, cap)
        assert np.array_equal(used.rows(step), fresh.rows(step))


@pytest.mark.parametrize(("balance", "cap"), [("none", None), ("class_balanced", None), ("class_cap", 4)])
def test_processes_share_the_batch_of_one(balance: str, cap: int | None) -> None:
    whole = Stream(CLASSES, 12, 5, balance, cap)
    parts = [Stream(CLASSES, 12, 5, balance, cap, rank=rank, world=3) for rank in range(3)]
    for step in range(20):
        assert np.array_equal(whole.rows(step), np.concatenate([part.rows(step) for part in parts]))
        assert np.array_equal(parts[1].all_rows(step), whole.rows(step))


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.integers(-1, 4), min_size=1, max_size=50), st.integers(1, 30), st.integers(0, 99))
def test_balanced_classes_and_their_rows_are_visited_evenly(labels: list[int], batch: int, seed: int) -> None:
    classes = np.array(labels)
    if (classes < 0).all():
        return
    rows = seen(Stream(classes, batch, seed, "class_balanced"), 60)
    present = np.unique(classes[classes >= 0])
    per_class = np.bincount(classes[rows] - classes[rows].min(), minlength=1)
    per_class = per_class[per_class > 0]
    assert set(classes[rows]) <= set(present)
    assert per_class.max() - per_class.min() <= 1 or len(rows) < len(present)
    for value in present:
        visits = np.bincount(rows[classes[rows] == value], minlength=len(classes))[classes == value]
        assert visits.max() - visits.min() <= 1


def test_balanced_places_have_no_fixed_order() -> None:
    rows = seen(Stream(CLASSES, 3, 0, "class_balanced"), 200).reshape(-1, 3)
    first = np.bincount(CLASSES[rows[:, 0]], minlength=4)[[0, 1, 3]]
    assert first.min() > 40


def test_cap_bounds_a_pass_and_reaches_all_rows() -> None:
    stream = Stream(CLASSES, 5, 3, "class_cap", 6)
    assert stream.pass_length == 6 + 6 + 2
    rows = seen(stream, 14 * 14 // 5 + 1)[: 14 * 14]
    for number in range(14):
        one = rows[number * 14 : (number + 1) * 14]
        assert len(set(one)) == 14
        assert np.bincount(CLASSES[one], minlength=4).tolist() == [6, 6, 0, 2]
    visits = np.bincount(rows, minlength=56)
    assert visits[:40].max() - visits[:40].min() <= 2
    assert visits[51:].sum() == 0


def test_a_domain_smaller_than_the_batch_starts_again() -> None:
    assert np.bincount(Stream(3, 8, 0).rows(5)).tolist() in ([3, 3, 2], [3, 2, 3], [2, 3, 3])
    assert set(Stream(np.array([-1, 4]), 8, 0, "class_balanced").rows(0)) == {1}


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch": 6, "world": 4},
        {"batch": 0},
        {"rank": 1},
        {"balance": "class_cap"},
        {"cap": 3},
        {"balance": "class_balanced", "classes": 7},
        {"classes": np.array([-1, -1])},
        {"classes": 0},
    ],
)
def test_contradictions_are_told(wrong: dict) -> None:
    with pytest.raises(ValueError, match=r"processes|belong|class"):
        Stream(**{"classes": CLASSES, "batch": 6, "seed": 0, **wrong})


def test_seeds_of_different_numbers_differ() -> None:
    seeds = {seed_of(0, domain, step) for domain in range(5) for step in range(200)}
    assert len(seeds) == 1000 and min(seeds) >= 0 and max(seeds) < 2**63
