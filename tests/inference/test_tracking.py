"""Faces keep their numbers through crossings, misses and moves, and nobody gets another's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.inference.looks import likeness, look, thumb
from ferda.inference.tracking import Tracker, is_cut, overlap

SCENE = (np.full(48, 30, np.uint8), np.arange(256, dtype=np.uint8))
OTHER_SCENE = (np.r_[np.full(24, 90), np.zeros(24)].astype(np.uint8), SCENE[1][::-1].copy())
ANNA, BEN, CORA = (np.eye(3, 48, 16 * number, dtype=np.uint8)[0] * 200 for number in range(3))

Box = tuple[float, float, float, float]


def follow(
    tracker: Tracker,
    time: float,
    *faces: tuple[Box, np.ndarray],
    scene: tuple[np.ndarray, np.ndarray] = SCENE,
) -> list[int]:
    boxes = np.array([box for box, _ in faces], float).reshape(-1, 4)
    looks = np.array([look for _, look in faces]).reshape(-1, 48)
    return tracker(boxes, looks, scene, time)


def at(left: float, top: float = 0, side: float = 20) -> Box:
    return (left, top, side, side)


def test_two_faces_that_cross_keep_their_numbers() -> None:
    tracker = Tracker()
    for frame in range(21):
        ids = follow(tracker, frame / 25, (at(5 * frame), ANNA), (at(100 - 5 * frame, 3), BEN))
        assert ids == [0, 1]


def test_a_face_that_hides_another_keeps_both_apart() -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (at(0), ANNA), (at(30), BEN))
    for frame in range(1, 20):
        assert follow(tracker, frame / 25, (at(frame), ANNA)) == [0]
    assert follow(tracker, 0.8, (at(20), ANNA), (at(32), BEN)) == [0, 1]


def test_one_goes_and_another_comes_to_the_same_place() -> None:
    tracker = Tracker()
    assert follow(tracker, 0.0, (at(0), ANNA)) == [0]
    assert follow(tracker, 0.1) == []
    assert follow(tracker, 0.2, (at(0), BEN)) == [1], "another look is another person"
    assert follow(tracker, 0.3, (at(1), ANNA), (at(22), BEN)) == [0, 1]


@pytest.mark.parametrize(("unseen", "number"), [(0.4, 0), (1.9, 0), (2.2, 1), (60.0, 1)])
def test_a_face_is_remembered_for_two_seconds(unseen: float, number: int) -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (at(0), ANNA))
    for time in (unseen / 4, unseen / 2, 3 * unseen / 4):
        follow(tracker, time)
    assert follow(tracker, unseen, (at(2), ANNA)) == [number]


def test_frames_that_are_far_apart_are_still_neighbours() -> None:
    tracker = Tracker()
    for frame in range(5):
        assert follow(tracker, 10.0 * frame, (at(3 * frame), ANNA)) == [0]


def test_a_face_may_jump_as_far_as_the_time_allows() -> None:
    for gap, far, number in ((0.04, 20, 0), (0.04, 60, 1), (1.0, 55, 0), (1.0, 90, 1)):
        tracker = Tracker()
        follow(tracker, 0.0, (at(0), ANNA))
        assert follow(tracker, gap, (at(far), ANNA)) == [number], (gap, far)
    for first, then in ((at(0), at(-15, -15, side=50)), (at(-15, -15, side=50), at(0))):
        tracker = Tracker()
        follow(tracker, 0.0, (first, ANNA))
        assert follow(tracker, 0.04, (then, ANNA)) == [1], "nobody grows or shrinks that fast"


def test_after_a_cut_all_are_new() -> None:
    tracker = Tracker()
    follow(tracker, 0.0, (at(0), ANNA), (at(50), BEN))
    assert follow(tracker, 0.04, (at(0), ANNA), scene=OTHER_SCENE) == [2]
    assert follow(tracker, 0.08, (at(0), ANNA), scene=OTHER_SCENE) == [2]
    assert follow(tracker, 0.12, (at(0), ANNA), scene=SCENE) == [3], "not even back in the first scene"


def test_the_best_pairs_together_are_taken_not_the_best_pair_first() -> None:
    """Ben's old place overlaps Anna's new one more than her own does; giving it to her leaves him nothing."""
    tracker = Tracker()
    alike = ANNA
    follow(tracker, 0.0, (at(0), alike), (at(12), alike))
    assert follow(tracker, 0.04, (at(9), alike), (at(26), alike)) == [0, 1]


def test_a_cut_needs_other_colours_and_other_places() -> None:
    rng = np.random.default_rng(0)
    scene = np.repeat(np.repeat(rng.integers(0, 256, (4, 6, 3)), 16, 0), 16, 1).astype(np.uint8)
    other = np.repeat(np.repeat(rng.integers(0, 80, (4, 6, 3)), 16, 0), 16, 1).astype(np.uint8)

    def cut(first: np.ndarray, second: np.ndarray) -> bool:
        return is_cut((look(first), thumb(first)), (look(second), thumb(second)))

    assert cut(scene, other)
    assert not cut(scene, scene)
    assert not cut(scene, (scene * 0.8 + 50).astype(np.uint8)), "a flash"
    assert not cut(scene, np.roll(scene, 32, axis=1)), "the camera turns: the colours stay"


def test_overlap_by_counting_pixels() -> None:
    first, second = np.array([[0, 0, 4, 6], [2, 2, 3, 3]]), np.array([[1, 1, 4, 4], [20, 0, 5, 5]])
    shared = overlap(first, second)
    for row, one in enumerate(first):
        for column, other in enumerate(second):
            cells = [
                {(x, y) for x in range(left, left + width) for y in range(top, top + height)}
                for left, top, width, height in (one, other)
            ]
            assert shared[row, column] == pytest.approx(len(cells[0] & cells[1]) / len(cells[0] | cells[1]))


def test_likeness_is_a_cosine() -> None:
    rows = np.array([[3, 4], [0, 0]], np.uint8)
    assert likeness(rows, np.array([[4, 3], [200, 0]], np.uint8)) == pytest.approx(
        np.array([[0.96, 0.6], [0, 0]])
    )


faces = st.tuples(
    st.integers(-40, 300),
    st.integers(-40, 200),
    st.integers(8, 120),
    st.integers(8, 120),
    st.sampled_from([ANNA, BEN, CORA]),
)
films = st.lists(st.lists(faces, max_size=5, unique_by=lambda face: face[:4]), min_size=1, max_size=6)


def numbers(film: list[list[tuple]], move: tuple[int, int] = (0, 0)) -> list[list[int]]:
    tracker = Tracker()
    return [
        follow(tracker, time / 8, *(((x + move[0], y + move[1], w, h), look) for x, y, w, h, look in frame))
        for time, frame in enumerate(film)
    ]


@given(films)
def test_numbers_are_unique_in_a_frame_and_never_skipped(film: list[list[tuple]]) -> None:
    given_ids = numbers(film)
    assert all(len(set(ids)) == len(ids) for ids in given_ids)
    seen = {number for ids in given_ids for number in ids}
    assert seen == set(range(len(seen)))


@given(films, st.randoms(use_true_random=False))
def test_the_order_of_detections_does_not_matter(film: list[list[tuple]], random: object) -> None:
    orders = [random.sample(range(len(frame)), len(frame)) for frame in film]  # type: ignore[attr-defined]
    shuffled = [[frame[row] for row in order] for frame, order in zip(film, orders, strict=True)]
    expected = [[ids[row] for row in order] for ids, order in zip(numbers(film), orders, strict=True)]
    assert numbers(shuffled) == expected


@given(films, st.tuples(st.integers(-500, 500), st.integers(-500, 500)))
def test_the_place_in_the_picture_does_not_matter(film: list[list[tuple]], move: tuple[int, int]) -> None:
    assert numbers(film, move) == numbers(film)
