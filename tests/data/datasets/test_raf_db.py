from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from ferda.data.datasets import dataset, read_dataset
from ferda.data.manifest import BOX, LANDMARKS
from ferda.data.readers import read_any
from ferda.errors import UserError

from .miniatures import raf_db
from .miniatures.owner import picture, text


def compound(root: Path, codes: range = range(1, 12)) -> None:
    for code in codes:
        picture(root / "Image" / "aligned" / f"train_{code:05d}_aligned.jpg", (10, 10))
    lines = "".join(f"train_{code:05d}.jpg {code}\n" for code in codes)
    text(root / "EmoLabel" / "list_partition_label.txt", lines)


def test_aligned_pictures_come_without_boxes_and_are_left_as_they_are(tmp_path: Path) -> None:
    raf_db.make(tmp_path)
    reading = read_dataset("raf-db", tmp_path)
    assert reading.manifest["file"].iloc[0] == "basic/Image/aligned/train_00001_aligned.jpg"
    assert reading.manifest[[*BOX, *LANDMARKS]].isna().all(axis=None)
    assert reading.crop is None and dataset("raf-db").crop == {"kind": "whole"}
    assert {"gender", "race", "age"} <= {*reading.manifest}


def test_original_pictures_are_cut_out_by_the_owners_points(tmp_path: Path) -> None:
    raf_db.make(tmp_path)
    reading = read_dataset("raf-db", tmp_path, images="original")
    assert reading.crop == {"kind": "aligned"}
    assert reading.manifest[list(BOX)].notna().all(axis=1).sum() == 1
    assert reading.manifest[list(LANDMARKS)].notna().all(axis=1).sum() == 2, "blanks and tabs"


def test_a_box_without_area_is_none(tmp_path: Path) -> None:
    raf_db.make(tmp_path)
    text(tmp_path / "basic" / "Annotation" / "boundingbox" / "test_0002_boundingbox.txt", "9 2 1 12")
    rows = read_dataset("raf-db", tmp_path, images="original").manifest
    odd = rows[rows["note"].notna()]
    assert odd["file"].str.endswith("test_0002.jpg").all() and odd[list(BOX)].isna().all(axis=None)


def test_a_list_without_its_pictures_is_refused(tmp_path: Path) -> None:
    text(tmp_path / "basic" / "EmoLabel" / "list_patition_label.txt", "test_0001.jpg 1")
    with pytest.raises(UserError, match=r"none of the 1 pictures .* basic/Image/aligned/test_0001_aligned"):
        read_dataset("raf-db", tmp_path)


def test_compound_expressions_are_a_column_of_their_own(tmp_path: Path) -> None:
    raf_db.make(tmp_path)
    compound(tmp_path / "compound")
    assert read_dataset("raf-db", tmp_path).variant == "basic", "basic comes first"
    reading = read_dataset("raf-db", tmp_path, part="compound")
    rows = reading.manifest
    assert reading.variant == "compound" and rows["expression"].isna().all()
    assert rows["compound"].iloc[[0, 10]].tolist() == ["happily surprised", "disgustedly surprised"]
    assert rows["file"].str.startswith("compound/").all() and "11 without a label" in reading.told


def test_the_parts_are_told_apart_by_folder_or_codes(tmp_path: Path) -> None:
    compound(tmp_path / "raf")
    assert read_dataset("raf-db", tmp_path).variant == "compound", "codes above 7"
    with pytest.raises(UserError, match="holds RAF-DB's compound part, and no basic part"):
        read_dataset("raf-db", tmp_path, part="basic")
    compound(tmp_path / "two" / "compound", range(1, 4))
    assert read_dataset("raf-db", tmp_path / "two").variant == "compound", "its folder"


@pytest.mark.parametrize("line", ["train_00001.jpg 8", "train_1.jpg 3", "train_00001.jpg", "a b 1"])
def test_a_line_that_is_none_of_the_owners_is_named(tmp_path: Path, line: str) -> None:
    text(tmp_path / "basic" / "EmoLabel" / "list_patition_label.txt", f"test_0001.jpg 1\n{line}")
    with pytest.raises(UserError, match=r"Line 2 of basic/EmoLabel/list_patition_label\.txt"):
        read_dataset("raf-db", tmp_path)


@pytest.mark.parametrize("kind", ["boundingbox", "manual"])
def test_an_annotation_that_is_no_numbers_is_named(tmp_path: Path, kind: str) -> None:
    raf_db.make(tmp_path)
    ending = "manu_attri" if kind == "manual" else kind
    text(tmp_path / "basic" / "Annotation" / kind / f"test_0003_{ending}.txt", "1 2 3")
    with pytest.raises(UserError, match=rf"test_0003_{ending}\.txt does not begin with"):
        read_dataset("raf-db", tmp_path, images="original")


@pytest.mark.parametrize(
    ("folders", "advice"),
    [
        (range(1, 8), "--option numbering=raf-db"),
        (range(7), "--class-order"),
        (raf_db.ORDER, "ferda prepare .*' reads it"),
    ],
)
def test_a_copy_in_class_folders_gets_advice_that_works(
    tmp_path: Path, folders: Sequence[object], advice: str
) -> None:
    for number, folder in enumerate(folders):
        picture(tmp_path / "train" / str(folder) / f"train_{number:05d}_aligned.jpg")
    with pytest.raises(UserError, match=f"folders by class.*{advice}"):
        read_dataset("raf-db", tmp_path)
    options = {"--option numbering=raf-db": {"numbering": "raf-db"}, "--class-order": {"class_order": "osa"}}
    manifest = read_any(tmp_path, **options.get(advice, {})).manifest
    assert manifest.sort_values("file")["expression"].tolist() in (list(raf_db.ORDER), sorted(raf_db.ORDER))
