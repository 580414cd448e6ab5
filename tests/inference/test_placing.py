"""Words keep off faces and off each other while there is a place, and stay inside the picture always."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ferda.inference.placing import Corners, arrange, squeeze


@dataclass(frozen=True)
class Words:
    width: int
    height: int


SIZE = (400, 300)


def rectangle(at: tuple[int, int], words: Words) -> Corners:
    return *at, at[0] + words.width, at[1] + words.height


def meet(one: Corners, other: Corners) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_the_first_that_finds_room_is_taken() -> None:
    large, small = Words(180, 120), Words(60, 20)
    ((chosen,), (corner,)) = squeeze([(20, 20, 120, 140)], [(large, small)], SIZE, 4)
    assert chosen is large and corner == (124, 20)
    ((chosen,), _) = squeeze([(120, 20, 280, 280)], [(large, small)], SIZE, 4)
    assert chosen is small, "no room for the large one beside, above or below"


def test_where_there_is_no_room_the_last_hides_least() -> None:
    small = Words(60, 20)
    ((chosen,), (corner,)) = squeeze([(0, 0, 399, 270)], [(Words(180, 120), small)], SIZE, 4)
    assert chosen is small and corner == (0, 274), "below, where nothing is hidden"
    (_, (corner,)) = squeeze([(0, 0, 399, 285)], [(small,)], SIZE, 4)
    assert corner[1] == 279, "most of it is below the face"


places = st.tuples(st.integers(0, 340), st.integers(0, 240), st.integers(10, 59), st.integers(10, 59)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
words = st.builds(Words, st.integers(10, 120), st.integers(10, 90))


@given(st.lists(st.tuples(places, words), max_size=6))
def test_with_a_margin_nothing_is_ever_covered(faces: list[tuple[Corners, Words]]) -> None:
    corners, (width, height) = arrange([place for place, _ in faces], [one for _, one in faces], SIZE, 4, 3)
    taken = [rectangle(at, one) for at, (_, one) in zip(corners, faces, strict=True)]
    for number, one in enumerate(taken):
        assert one[0] >= 0 and one[1] >= 0 and one[2] <= width and one[3] <= height
        assert not any(meet(one, place) for place, _ in faces)
        assert not any(meet(one, other) for other in taken[:number])


@given(st.lists(st.tuples(places, words), max_size=6))
def test_without_a_margin_words_stay_inside(faces: list[tuple[Corners, Words]]) -> None:
    chosen, corners = squeeze(
        [place for place, _ in faces], [(one, Words(10, 10)) for _, one in faces], SIZE, 4
    )
    for at, one in zip(corners, chosen, strict=True):
        left, top, right, bottom = rectangle(at, one)
        assert left >= 0 and top >= 0 and right <= SIZE[0] and bottom <= SIZE[1]
