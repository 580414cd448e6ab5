from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ferda.data.datasets import dataset, read_dataset
from ferda.errors import UserError

from .miniatures.fer2013 import make, table
from .miniatures.owner import picture, text

FOLDERS = ("train/angry/Training_10.jpg", "train/angry/Training_9.jpg", "train/sad/Training_1.JPG")
TESTS = ("test/happy/PublicTest_3.jpg", "test/neutral/PrivateTest_4.png")


def test_both_headers_give_the_same_rows_and_pictures(tmp_path: Path) -> None:
    make(tmp_path / "one")
    lines = [f"{code}, {usage},{pixels}" for code, pixels, usage in table()]
    text(tmp_path / "two" / "icml_face_data.csv", "\n".join(["emotion, Usage, pixels", *lines]))
    one, two = (read_dataset("fer2013", tmp_path / name) for name in ("one", "two"))
    pd.testing.assert_frame_equal(one.manifest, two.manifest)
    assert [one.images.read(file) for file in one.images.files()] == [
        two.images.read(file) for file in two.images.files()
    ]
    assert one.images.read("row0000000.pgm") == b"P5 4 4 255\n" + bytes(map(int, table()[0][1].split()))


def test_the_table_may_be_named_itself(tmp_path: Path) -> None:
    make(tmp_path)
    assert read_dataset("fer2013", tmp_path / "fer2013.csv").variant == "table"


def test_black_pictures_can_be_left_out(tmp_path: Path) -> None:
    rows = make(tmp_path)
    reading = read_dataset("fer2013", tmp_path, drop_constant=True)
    assert reading.manifest["file"].tolist() == [row["file"] for row in rows[:-1]]
    assert reading.unusable["file"].tolist() == [rows[-1]["file"]]


def test_folders_take_the_part_from_the_names(tmp_path: Path) -> None:
    for file in (*FOLDERS, *TESTS):
        picture(tmp_path / file)
    reading = read_dataset("fer2013", tmp_path, drop_constant=True)
    rows = reading.manifest.set_index("file")
    assert rows["split"].to_dict() == dict.fromkeys(FOLDERS, "train") | {TESTS[0]: "val", TESTS[1]: "test"}
    assert rows["expression"].tolist() == ["happiness", "neutral", "anger", "anger", "sadness"]
    assert reading.manifest["file"].tolist()[2:4] == [FOLDERS[1], FOLDERS[0]]
    assert reading.variant == "folders"
    assert not any("folder test" in warning for warning in reading.warnings)


def test_folders_without_such_names_are_warned_of(tmp_path: Path) -> None:
    for file in ("train/angry/im1.png", "test/happy/im1.png", "test/happy/PublicTest_1.png"):
        picture(tmp_path / file)
    reading = read_dataset("fer2013", tmp_path)
    assert reading.manifest["split"].tolist() == ["test", "val", "train"]
    assert "1 pictures of the folder test" in reading.warnings[0]
    assert reading.variant == "folders, test parts mixed"


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("emotion,pixels,Usage", "7,1 2 3 4,Training", "Row 1 .* has the emotion '7'"),
        ("emotion,pixels,Usage", "1,1 2 3 4,Test", "Row 1 .* has the Usage 'Test'"),
        ("emotion,pixels", "1,1 2 3 4", "no column Usage"),
    ],
)
def test_what_is_not_fer2013s_is_refused(tmp_path: Path, header: str, row: str, message: str) -> None:
    good = "0,5 6 7 8,Training"[: -9 if header.count(",") == 1 else None]
    text(tmp_path / "fer2013.csv", "\n".join([header, good, row]))
    with pytest.raises(UserError, match=message):
        read_dataset("fer2013", tmp_path)


def test_a_folder_that_is_no_class_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "train" / "happy" / "1.png")
    picture(tmp_path / "train" / "bored" / "1.png")
    with pytest.raises(UserError, match="'bored'"):
        read_dataset("fer2013", tmp_path)


def test_the_published_numbers_add_up() -> None:
    counts = dataset("fer2013").counts
    sums = {split: sum(numbers.values()) for split, numbers in counts["table"].items()}
    assert sums == {"train": 28_709, "val": 3_589, "test": 3_589}
    assert sum(counts["folders, test parts mixed"]["test"].values()) == 7_178
