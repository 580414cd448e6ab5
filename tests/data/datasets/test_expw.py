from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import expw
from .miniatures.owner import picture, text


def listed(root: Path, *lines: str) -> Path:
    text(root / "label" / "label.lst", "\n".join(lines))
    for line in lines:
        picture(root / "image" / "origin" / line.split(" ", 1)[0])
    return root


def test_repeats_and_pictures_that_are_not_listed_are_told(tmp_path: Path) -> None:
    expw.make(tmp_path)
    reading = read_dataset("expw", tmp_path)
    assert "1 pictures are not in label.lst" in reading.warnings[0]
    assert "amazed_teacher_289.jpg" in reading.warnings[1]
    assert "1 rows repeat another" in reading.warnings[2]


def test_confidence_and_one_face_of_each_picture(tmp_path: Path) -> None:
    expw.make(tmp_path)
    sure = read_dataset("expw", tmp_path, min_confidence=44.5)
    assert sure.manifest["confidence"].tolist() == [44.5, 45.5, 46.5, 99.0]
    assert "44.5 or more" in str(sure.variant)
    one = read_dataset("expw", tmp_path, one_face_per_image=True).manifest
    assert one["file"].is_unique and len(one) == 7
    assert one["face"][one["file"] == "image/origin/angry_asian_0.jpg"].tolist() == [1], "the surest"
    with pytest.raises(UserError, match="100 sure of no face"):
        read_dataset("expw", tmp_path, min_confidence=100)
    with pytest.raises(UserError, match="between 0 and 100"):
        read_dataset("expw", tmp_path, min_confidence=101)


def test_no_area_and_two_labels_for_one_face_are_left_out_with_the_reason(tmp_path: Path) -> None:
    listed(
        tmp_path,
        "a.jpg 0 5 5 5 9 50 1",
        "b.jpg 0 1 2 9 9 50 1",
        "b.jpg 1 1 2 9 9 50 2",
        "b.jpg 2 3 2 9 9 50 2",
    )
    reading = read_dataset("expw", tmp_path)
    assert reading.manifest["face"].tolist() == [2]
    assert reading.unusable["file"].tolist() == [f"image/origin/{name}.jpg" for name in "abb"]
    assert reading.unusable["reason"].tolist() == ["the box has no area"] + ["one face has two labels"] * 2


@pytest.mark.parametrize(
    "line", ["a.jpg 0 1 2 9 9 50 7", "a.jpg 0 1 2 9 9 50", "a.jpg 0 1 x 9 9 50 1", "a.jpg 0 1 nan 9 9 50 1"]
)
def test_a_row_of_another_kind_is_shown(tmp_path: Path, line: str) -> None:
    listed(tmp_path, "b.jpg 0 1 2 9 9 50 6", line)
    with pytest.raises(UserError, match=f"Line 2 of label/label.lst in .* is '{line}'"):
        read_dataset("expw", tmp_path)


def test_of_two_lists_none_is_guessed(tmp_path: Path) -> None:
    listed(tmp_path / "one", "a.jpg 0 1 2 9 9 50 1")
    listed(tmp_path / "two", "a.jpg 0 1 2 9 9 50 1")
    with pytest.raises(UserError, match="point at the folder of one"):
        read_dataset("expw", tmp_path)
