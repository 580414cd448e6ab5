from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import afe
from .miniatures.owner import picture, text

SEVEN = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")


def lists(root: Path, *lines: str) -> None:
    for line in lines:
        picture(root / "images" / line.split(" ")[0])
    text(root / "list" / "train_list.txt", "\n".join(lines))


def tables(root: Path) -> None:
    for part, film in (("Train", "one film"), ("Test", "b")):
        names = [f"{film}/{code}.png" for code in range(7)]
        for name in names:
            picture(root / "src" / "image" / name)
        lines = "".join(f"{name} 1 2 9 12 {code}\n" for code, name in enumerate(names))
        text(root / "annos" / "TrainTest" / f"{part}.csv", lines, newline="\r\n")


def test_labels_that_fit_both_tables_need_the_user(tmp_path: Path) -> None:
    lists(tmp_path, *(f"a/{code}.jpg 1 2 9 12 {code}" for code in range(7)))
    with pytest.raises(UserError, match=r"label_scheme=eleven .* or label_scheme=seven"):
        read_dataset("afe", tmp_path)
    eleven = read_dataset("afe", tmp_path, label_scheme="eleven")
    assert eleven.manifest["expression"].tolist() == [*list(afe.CODES.values())[:-1]]
    assert eleven.unusable["file"].tolist() == ["images/a/2.jpg"], "code 2 is none of the seven"
    seven = read_dataset("afe", tmp_path, label_scheme="seven")
    assert seven.manifest["expression"].tolist() == list(SEVEN) and seven.unusable.empty
    assert seven.variant == "CD-FER's lists, seven codes"


def test_the_tables_are_read_and_never_guessed(tmp_path: Path) -> None:
    tables(tmp_path)
    with pytest.raises(UserError, match="fits both"):
        read_dataset("afe", tmp_path)
    rows = read_dataset("afe", tmp_path, label_scheme="seven").manifest
    assert rows["file"].iloc[0] == "src/image/b/0.png" and rows["split"].iloc[0] == "test"
    assert rows["expression"].tolist() == list(SEVEN) * 2
    assert rows[["box_x", "box_y", "box_w", "box_h"]].iloc[3].tolist() == [1, 2, 8, 10]


def test_two_forms_are_not_mixed(tmp_path: Path) -> None:
    tables(tmp_path)
    lists(tmp_path, "a/1.jpg 1 2 9 12 9")
    with pytest.raises(UserError, match="two forms"):
        read_dataset("afe", tmp_path)


def test_a_code_outside_the_scheme_is_refused(tmp_path: Path) -> None:
    lists(tmp_path, "a/1.jpg 1 2 9 12 9")
    with pytest.raises(UserError, match="the code 9; label_scheme=seven knows 0 to 6"):
        read_dataset("afe", tmp_path, label_scheme="seven")
    lists(tmp_path, "a/1.jpg 1 2 9 12 11")
    with pytest.raises(UserError, match="the code 11; label_scheme=eleven knows 0 to 10"):
        read_dataset("afe", tmp_path)
    lists(tmp_path, "a/1.jpg 1 2 9 12 -1", "a/2.jpg 1 2 9 12 9")
    with pytest.raises(UserError, match="the code -1"):
        read_dataset("afe", tmp_path)


@pytest.mark.parametrize("line", ["a/1.jpg 1 2 9 12", "a/1.jpg 1 2 9 12 happy", "a/1.jpg 1 2 x 12 3"])
def test_a_line_that_is_short_or_no_numbers_is_named(tmp_path: Path, line: str) -> None:
    lists(tmp_path, "a/2.jpg 1 2 9 12 9", line)
    with pytest.raises(UserError, match=r"Line 2 of .*train_list\.txt"):
        read_dataset("afe", tmp_path)


def test_points_belong_to_the_face_around_them(tmp_path: Path) -> None:
    afe.make(tmp_path)
    reading = read_dataset("afe", tmp_path)
    assert any("1 faces got no points" in warning for warning in reading.warnings)
    text(tmp_path / "annos" / "landmark_5" / "b" / "1.txt", "1 2 3 4 5 6 7 8")
    with pytest.raises(UserError, match="five lines"):
        read_dataset("afe", tmp_path)
