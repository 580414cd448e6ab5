from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from ferda.data import picture_copies
from ferda.data.pack import Pictures
from ferda.data.picture_copies import find_copies

Draw = Callable[..., np.ndarray]


def part(images: np.ndarray, rows: list[int]) -> tuple[Pictures, np.ndarray]:
    return Pictures("p", {}, images, np.zeros((len(images), 5, 2))), np.array(rows)


def half(images: np.ndarray) -> np.ndarray:
    n, size = images.shape[:2]
    return images.reshape(n, size // 2, 2, size // 2, 2, 3).mean((2, 4)).astype(np.uint8)


def test_copies_of_another_size_are_found_also_mirrored(blots: Draw) -> None:
    images = blots(300, 96)
    others = half(blots(300, 96, seed=1))
    others[7], others[250] = half(images[4:5])[0], half(images[290:291])[0][:, ::-1]
    steps: list[tuple[int, int]] = []
    parts = [part(images, list(range(300))), part(others, list(range(1, 300)))]
    (table,) = find_copies(parts, [(0, 1)], lambda *step: steps.append(step))
    assert table[["a", "b", "mirrored"]].to_numpy().tolist() == [[4, 6, False], [290, 249, True]]
    assert table["likeness"].min() > 0.95 and table["distance"].max() < 16
    assert steps == [(300, 899), (599, 899), (899, 899)]


def test_within_one_part_each_row_has_those_before_it(blots: Draw) -> None:
    images = blots(5)
    images[3], images[4] = images[1], images[1][:, ::-1]
    (table,) = find_copies([part(images, [0, 1, 3, 4])], [(0, 0)])
    assert table[["a", "b", "mirrored"]].to_numpy().tolist() == [[2, 1, False], [3, 1, True], [3, 2, True]]


def test_pictures_of_one_colour_are_not_even_compared(blots: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_copies, "likeness", lambda first, second: np.ones(len(first)))
    images = np.zeros((4, 48, 48, 3), dtype=np.uint8)
    images[3] = blots(1)[0]
    tables = find_copies([part(images, [0, 3]), part(images, [1, 2]), part(images, [3])], [(0, 1), (0, 2)])
    assert [len(table) for table in tables] == [0, 1]


def test_of_many_copies_the_likeliest_are_listed(blots: Draw, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_copies, "PARTNERS", 2)
    images = np.repeat(blots(1), 6, axis=0)
    for row in range(6):
        images[row, :row] = 0
    (table,) = find_copies([part(images, [2]), part(images, [0, 5, 3, 2])], [(0, 1)])
    assert table["b"].tolist() == [3, 2]


def test_nothing_is_compared_where_there_is_nothing(blots: Draw) -> None:
    assert find_copies([], []) == []
    (table,) = find_copies([part(blots(2), []), part(blots(2), [0])], [(0, 1)])
    assert len(table) == 0
