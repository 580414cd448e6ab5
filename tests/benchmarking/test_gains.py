from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.benchmarking.gains import holm, paired_gain

C = 3


def answers(seed: int, seeds: int = 2, faces: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = generator.integers(C, size=faces)
    one, other = (
        np.where(generator.random((seeds, faces)) < right, labels, generator.integers(C, size=(seeds, faces)))
        for right in (0.3, 0.7)
    )
    return labels, one, other


def macro_recall(labels: np.ndarray, said: np.ndarray) -> float:
    return float(np.mean([np.mean(said[labels == c] == c) for c in range(C) if (labels == c).any()]))


def test_the_mean_is_that_of_macro_recall_over_seeds() -> None:
    labels, one, other = answers(0)
    expected = np.mean(
        [macro_recall(labels, b) - macro_recall(labels, a) for a, b in zip(one, other, strict=True)]
    )
    assert paired_gain(labels, one, other, C).mean == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("subjects", [None, np.repeat(np.arange(12), 5).astype(str)])
def test_the_interval_is_that_of_drawing_faces_and_seeds_one_by_one(subjects: np.ndarray | None) -> None:
    labels, one, other = answers(1)
    generator = np.random.default_rng(7)
    groups = [np.array([i]) for i in range(len(labels))]
    if subjects is not None:
        groups = [np.flatnonzero(subjects == name) for name in np.unique(subjects)]
    drawn = []
    for _ in range(1500):
        rows = np.concatenate([groups[i] for i in generator.integers(len(groups), size=len(groups))])
        gains = [
            macro_recall(labels[rows], other[s][rows]) - macro_recall(labels[rows], one[s][rows])
            for s in generator.integers(len(one), size=len(one))
        ]
        drawn.append(np.mean(gains))
    found = paired_gain(labels, one, other, C, subjects=subjects)
    assert (found.low, found.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=0.02)


def test_equal_answers_gain_nothing() -> None:
    labels, one, _ = answers(2)
    found = paired_gain(labels, one, one, C)
    assert (found.mean, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_a_clear_gain_is_sure_and_turns_round_with_the_methods() -> None:
    labels, one, other = answers(3, faces=400)
    gain, loss = paired_gain(labels, one, other, C), paired_gain(labels, other, one, C)
    assert gain.low > 0
    assert gain.p == 1 / 2000
    assert loss.mean == pytest.approx(-gain.mean)
    assert (loss.low, loss.high) == pytest.approx((-gain.high, -gain.low), abs=1e-9)


def test_people_of_many_faces_widen_the_interval() -> None:
    labels, one, other = answers(4, seeds=1, faces=40)
    labels, one, other = (np.repeat(values, 10, axis=-1) for values in (labels, one, other))
    faces = paired_gain(labels, one, other, C)
    people = paired_gain(labels, one, other, C, subjects=np.repeat(np.arange(40), 10))
    assert people.high - people.low > 2 * (faces.high - faces.low)


def test_a_class_without_faces_counts_nothing() -> None:
    labels, one, other = answers(5)
    assert paired_gain(labels, one, other, C + 2).mean == pytest.approx(
        paired_gain(labels, one, other, C).mean
    )


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_raises_p_and_keeps_their_order(p: list[float]) -> None:
    found = holm(p)
    assert all(a <= b <= 1 for a, b in zip(p, found, strict=True))
    assert max(found) <= min(1.0, len(p) * max(p)) + 1e-12
    for i in range(len(p)):
        for j in range(len(p)):
            assert not (p[i] < p[j] and found[i] > found[j])
