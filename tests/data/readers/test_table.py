from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ferda.data.manifest import write_manifest
from ferda.data.readers.table import read, table_parts
from ferda.errors import UserError

Maker = Callable[..., Path]
FILES = ["images/a.png", "images/b.png", "images/c.png"]


def test_a_table_beside_its_zip(table: Maker, archive: Maker) -> None:
    archive(FILES)
    path = table(file=FILES, label=["Happy", "", "angry"], usage=["Training", "PublicTest", "PrivateTest"])
    reading = read(path)
    assert reading.manifest["expression"].tolist() == ["happiness", None, "anger"]
    assert reading.manifest["source_label"].tolist() == ["Happy", None, "angry"]
    assert reading.manifest["split"].tolist() == ["train", "val", "test"]
    assert "1 without" in reading.told
    assert reading.images.root.name == "data.zip"


def test_a_table_beside_its_pictures(tree: Maker, table: Maker) -> None:
    root = tree(FILES)
    path = table("tree/labels.csv", filename=FILES, emotion=["happy", "sad", "fear"], person=["1", "2", "1"])
    reading = read(path)
    assert reading.images.root == root
    assert reading.manifest["subject"].tolist() == ["1", "2", "1"]


@pytest.mark.parametrize(
    ("file", "label", "split"),
    [
        ("file", "expression", "split"),
        ("Image Path", "Emotion", "Usage"),
        ("name", "class", "set"),
        ("IMG", "label", "subset"),
    ],
)
def test_synonyms(table: Maker, archive: Maker, file: str, label: str, split: str) -> None:
    archive(FILES)
    path = table(**{file: FILES, label: ["sad", "joy", "ne"], split: ["train", "val", "test"]})
    manifest = read(path).manifest
    assert manifest["expression"].tolist() == ["sadness", "happiness", "neutral"]
    assert manifest["split"].tolist() == ["train", "val", "test"]


def test_the_label_column_can_be_chosen_and_the_other_is_kept(table: Maker, archive: Maker) -> None:
    archive(FILES)
    path = table(file=FILES, label=["sad", "sad", "fear"], plus_label=["contempt", "", "fear"])
    manifest = read(path, label="plus_label").manifest
    assert manifest["expression"].tolist() == ["contempt", None, "fear"]
    assert manifest["label"].tolist() == ["sad", "sad", "fear"]
    with pytest.raises(UserError, match="no column 'nolabel'"):
        read(path, label="nolabel")


def test_a_second_expression_column_keeps_its_owner(table: Maker, archive: Maker) -> None:
    archive(FILES)
    path = table(file=FILES, expression=["sad", "sad", "fear"], label=["fear", "fear", "sad"])
    manifest = read(path, label="label").manifest
    assert manifest["expression"].tolist() == ["fear", "fear", "sadness"]
    assert manifest["owner_expression"].tolist() == ["sad", "sad", "fear"]


def test_votes_and_numbers_are_carried(table: Maker, archive: Maker) -> None:
    archive(FILES)
    path = table(
        file=FILES, label=["sad"] * 2 + ["fear"], votes_happy=[1, 2, 3], votes_nf=[0, 0, 1], age=[20, 30, 40]
    )
    manifest = read(path).manifest
    assert manifest["votes_happiness"].tolist() == [1.0, 2.0, 3.0]
    assert manifest["votes_nf"].tolist() == [0.0, 0.0, 1.0]
    assert np.issubdtype(manifest["age"].dtype, np.number)


def test_boxes_and_landmarks_are_taken(table: Maker, archive: Maker) -> None:
    archive(FILES[:1])
    manifest = read(
        table(file=FILES[:1], label=["sad"], box_x=[1], box_y=[2], box_w=[3.5], box_h=[4])
    ).manifest
    assert manifest.loc[0, ["box_x", "box_y", "box_w", "box_h"]].tolist() == [1, 2, 3.5, 4]


def test_unknown_words_are_collected(table: Maker, archive: Maker) -> None:
    archive(FILES)
    path = table(file=FILES, label=["sad", "bored", "bored"])
    with pytest.raises(UserError, match=r"Column 'label'.*'bored' \(2 rows\)"):
        read(path)
    reading = read(path, unknown="unlabelled")
    assert reading.manifest["expression"].tolist() == ["sadness", None, None]
    assert reading.manifest["source_label"].tolist() == ["sad", "bored", "bored"]
    assert "'bored' (2 rows)" in reading.warnings[0]


def test_numbers_need_a_numbering(table: Maker, archive: Maker) -> None:
    archive(FILES)
    path = table(file=FILES, label=[0, 3, 6])
    with pytest.raises(UserError, match="never guesses"):
        read(path)
    assert read(path, numbering="fer2013").manifest["expression"].tolist() == [
        "anger",
        "happiness",
        "neutral",
    ]


def test_missing_pictures_are_listed(table: Maker, archive: Maker) -> None:
    archive(FILES[:1])
    path = table(file=FILES, label=["sad", "fear", "sad"])
    with pytest.raises(
        UserError, match=r"2 of 3 pictures.*called 'images/a\.png': images/b\.png, images/c\.png"
    ):
        read(path)
    reading = read(path, missing="skip")
    assert reading.manifest["file"].tolist() == FILES[:1]
    assert reading.unusable["file"].tolist() == FILES[1:]


def test_a_prefix_is_put_before_names(table: Maker, archive: Maker) -> None:
    archive(FILES)
    names = [name.removeprefix("images/") for name in FILES]
    assert (
        read(table(file=names, label=["sad", "fear", "sad"]), prefix="images/").manifest["file"].tolist()
        == names
    )


def test_repeated_rows_are_left_out_and_told(table: Maker, archive: Maker) -> None:
    archive(FILES)
    reading = read(table(file=[*FILES, FILES[0]], label=["sad", "fear", "sad", "sad"]))
    assert len(reading.manifest) == 3
    assert "1 rows repeat another" in reading.warnings[0]


def test_two_labels_for_a_picture_are_refused(table: Maker, archive: Maker) -> None:
    archive(FILES)
    with pytest.raises(UserError, match=r"two labels to images/a\.png"):
        read(table(file=[*FILES, FILES[0]], label=["sad", "fear", "sad", "joy"]))


@pytest.mark.parametrize("name", ["../../etc/x.png", "/etc/x.png"])
def test_names_that_leave_are_refused(table: Maker, archive: Maker, name: str) -> None:
    archive(FILES)
    with pytest.raises(UserError):
        read(table(file=[name, *FILES], label=["sad", "fear", "sad", "joy"]))


def test_one_class_is_warned_of(table: Maker, archive: Maker) -> None:
    archive(FILES)
    assert "all labels are 'sadness'" in read(table(file=FILES, label=["sad"] * 3)).warnings[0]


def test_odd_splits_are_warned_of(table: Maker, archive: Maker) -> None:
    archive(FILES)
    reading = read(table(file=FILES, label=["sad", "fear", "joy"], split=["train", "fold1", ""]))
    assert reading.manifest["split"].tolist() == ["train", None, None]
    assert "fold1" in reading.warnings[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("file,label\n", "no rows"),
        ("a,b\n1,2\n", "no column of file names"),
        ("file,file \na,b\n", "two col"),
    ],
)
def test_a_table_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(UserError, match=message):
        read(tmp_path / "t.csv")


def test_what_a_spreadsheet_writes(tmp_path: Path, archive: Maker) -> None:
    archive(["a b.png", "007.png"], "t.zip")
    (tmp_path / "t.csv").write_bytes("\ufefffile , label\r\na b.png,Happy\r\n007.png,NEUTRAL\r\n".encode())
    assert read(tmp_path / "t.csv").manifest["file"].tolist() == ["a b.png", "007.png"]


def test_our_own_manifest_can_be_read_again(table: Maker, archive: Maker, tmp_path: Path) -> None:
    archive(FILES)
    manifest = read(
        table(file=FILES, label=["sad", "", "fear"], subject=["x", "y", None], rater=["r", "s", "t"])
    ).manifest
    for suffix in ("csv", "parquet"):
        write_manifest(manifest, tmp_path / f"again.{suffix}")
        again = read(tmp_path / f"again.{suffix}", images=tmp_path / "data.zip").manifest
        pd.testing.assert_frame_equal(again, manifest)


def test_another_place_for_pictures(table: Maker, archive: Maker, tmp_path: Path) -> None:
    shutil.move(archive(FILES), tmp_path / "pics.zip")
    path = table(file=FILES, label=["sad", "", "fear"])
    assert len(read(path, images=tmp_path / "pics.zip").manifest) == 3


def test_semicolons_and_tabs(tmp_path: Path, archive: Maker) -> None:
    archive(FILES, "t.zip")
    for name, mark in (("t.csv", ";"), ("t.tsv", "\t")):
        (tmp_path / name).write_text(f"file{mark}label\n{FILES[0]}{mark}sad\n{FILES[1]}{mark}joy\n")
        assert read(tmp_path / name).manifest["expression"].tolist() == ["sadness", "happiness"]


@pytest.mark.parametrize("header", ["\ufeffname, code\r\n", '"name","code"\n', ""])
def test_a_large_table_comes_in_parts_with_or_without_a_header(header: str) -> None:
    stream = io.BytesIO((header + "a,007\nb,NA\nc,1\n").encode())
    parts = list(table_parts(stream, Path("t.csv"), ("name", "code"), rows=2))
    assert [len(part) for part in parts] == [2, 1]
    assert pd.concat(parts).to_dict("list") == {"name": ["a", "b", "c"], "code": ["007", "NA", "1"]}


@pytest.mark.parametrize(
    ("text", "problem"), [("a,1,2\n", "neither a header"), ("name,code\na,1\nb,1,2\n", "cannot be read as a")]
)
def test_a_large_table_that_is_none(text: str, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        list(table_parts(io.BytesIO(text.encode()), Path("t.csv"), ("name", "code")))
