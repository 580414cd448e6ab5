from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ferda.data.manifest import BOX, LANDMARKS
from ferda.data.readers import read_any
from ferda.data.readers.path_list import read
from ferda.errors import UserError

Maker = Callable[..., Path]
FILES = ["CK/a.png", "CK/b c.png", "JAFFE/d.png"]


@pytest.fixture
def listing(tmp_path: Path) -> Callable[..., Path]:
    def write(*lines: str, end: str = "\n", name: str = "list.txt", encoding: str = "utf-8") -> Path:
        (tmp_path / name).write_bytes(end.join(lines).encode(encoding))
        return tmp_path / name

    return write


def test_what_programs_are_fed(tree: Maker, listing: Maker) -> None:
    """Carriage returns, both slashes, a blank in a name, no last newline, a picture that is named twice."""
    root = tree(FILES)
    path = listing("CK/a.png 0", "CK\\b c.png 6", "", ".\\JAFFE/d.png\t3 ", "CK\\a.png 0", end="\r\n")
    reading = read_any(path, images=root, class_order="la-cmfer")
    assert reading.manifest["file"].tolist() == FILES
    assert reading.manifest["expression"].tolist() == ["surprise", "neutral", "happiness"]
    assert reading.manifest["source_label"].tolist() == ["0", "6", "3"]
    assert reading.manifest["listed"].tolist() == [2, 1, 1]
    assert "4 lines, 3 pictures" in reading.told
    assert "1 rows repeat another and were left out: CK/a.png" in reading.warnings[0]
    assert reading.images.read("CK/b c.png")


def test_the_same_numbers_in_another_order(tree: Maker, listing: Maker) -> None:
    root, path = (
        tree(FILES),
        listing(*(f"{file} {code}" for file, code in zip(FILES, (0, 1, 6), strict=True))),
    )
    orders = {
        "affectnet": ["neutral", "happiness", "anger"],
        "fer2013": ["anger", "disgust", "neutral"],
        "happy, sad, fear, ne, an, di, su": ["happiness", "sadness", "surprise"],
    }
    for order, names in orders.items():
        assert read(path, images=root, class_order=order).manifest["expression"].tolist() == names
    assert (
        read(path, images=root, names={"0": "sad", "1": "joy", "6": "fear"}).manifest["expression"][0]
        == "sadness"
    )
    with pytest.raises(UserError, match=r"never guesses a numbering.*--class-order"):
        read(path, images=root)


def test_numbers_outside_the_order_or_counted_from_one(tree: Maker, listing: Maker) -> None:
    root = tree(FILES)
    path = listing("CK/a.png 1", "CK/b c.png 7", "JAFFE/d.png 7")
    with pytest.raises(
        UserError, match=r"'7' \(2 rows\): it counts from 0 \(surprise\) to 6 \(neutral\)\. .*raf-db"
    ):
        read(path, images=root, class_order="raf-db")
    right = read(path, images=root, numbering="raf-db")
    assert right.manifest["expression"].tolist() == ["surprise", "neutral", "neutral"]
    assert right.warnings == ()
    # six classes that are counted from 1 stay within the order: only the missing 0 tells
    doubtful = read(listing("CK/a.png 1", "JAFFE/d.png 6"), images=root, class_order="raf-db")
    assert "has no number 0 (surprise)" in doubtful.warnings[0]


def test_rafs_own_list_gives_its_splits(tree: Maker, listing: Maker) -> None:
    root = tree(["train_00001.png", "train_00002.png", "test_0001.png"])
    path = listing("train_00001.png 5", "train_00002.png 1", "test_0001.png 4")
    manifest = read(path, images=root, numbering="raf-db").manifest
    assert manifest["split"].tolist() == ["train", "train", "test"]
    assert manifest["expression"].tolist() == ["sadness", "surprise", "happiness"]
    assert read(path, images=root, numbering="raf-db", split="val").manifest["split"].tolist() == ["val"] * 3
    with pytest.raises(UserError, match="did you mean 'train'"):
        read(path, images=root, numbering="raf-db", split="trian")


def test_missing_pictures(tree: Maker, listing: Maker) -> None:
    root = tree(FILES)
    path = listing("CK/a.png 0", *(f"CK/{number}.png 1" for number in range(12)))
    with pytest.raises(
        UserError, match=r"12 of 13 pictures.*CK/0\.png.* and 2 more\. .*--root.*missing=skip"
    ):
        read(path, images=root, class_order="osa")
    reading = read(path, images=root, class_order="osa", missing="skip")
    assert len(reading.manifest) == 1
    assert len(reading.unusable) == 12 and "list.txt names it" in reading.unusable["reason"][0]
    with pytest.raises(
        UserError, match=r"2 of 2 pictures of .*list\.txt are missing.*--root\), or prefix=\."
    ):
        read(listing("x/a.png 0", "x/b.png 1"), images=root, class_order="osa", missing="skip")


@pytest.mark.parametrize("name", ["../a.png", "/data/a.png", "C:\\data\\a.png", "a/../../a.png"])
def test_a_path_that_leaves_is_refused(tree: Maker, listing: Maker, name: str) -> None:
    with pytest.raises(UserError, match=r"1 paths of .* leave the folder.*strip="):
        read(listing(f"{name} 0", "CK/a.png 1"), images=tree(FILES), class_order="osa")


def test_la_cmfers_own_paths(tree: Maker, listing: Maker) -> None:
    """Their lists stand one folder beside the data, and AffectNet's mixes slashes."""
    root = tree(["AffectNet/train/0/1.png", "AffectNet/train/6/2.png", "AffectNet/test/6/a.png"])
    path = listing(
        *("../datasets\\AffectNet\\train\\0\\1.png 0", "../datasets\\AffectNet\\train\\6\\2.png 6"),
        "..\\datasets\\AffectNet\\test\\6\\a.png 6",
        end="\r\n",
    )
    with pytest.raises(UserError, match=r"strip=\.\./datasets/AffectNet/, and give --root"):
        read(path, images=root, class_order="la-cmfer")
    manifest = read(path, images=root, class_order="la-cmfer", strip="../datasets/").manifest
    assert manifest["file"].tolist() == [
        *("AffectNet/train/0/1.png", "AffectNet/train/6/2.png", "AffectNet/test/6/a.png"),
    ]
    assert manifest["split"].tolist() == ["train", "train", "test"]


def test_paths_of_another_machine(tree: Maker, listing: Maker) -> None:
    path = listing("D:\\faces\\CK\\a.png 0", "D:\\faces\\JAFFE\\d.png 1")
    manifest = read(path, images=tree(FILES), class_order="osa", strip="D:\\faces\\").manifest
    assert manifest["file"].tolist() == ["CK/a.png", "JAFFE/d.png"]


def test_rafs_aligned_pictures_have_a_longer_name(tree: Maker, listing: Maker) -> None:
    root = tree(["train_00001_aligned.png", "test_0001_aligned.png"])
    path = listing("train_00001.png 5", "test_0001.png 4")
    manifest = read(path, images=root, numbering="raf-db", ending="_aligned").manifest
    assert manifest["file"].tolist() == ["train_00001_aligned.png", "test_0001_aligned.png"]
    assert manifest["split"].tolist() == ["train", "test"]


def test_two_classes_for_a_picture_are_refused(tree: Maker, listing: Maker) -> None:
    with pytest.raises(UserError, match=r"two labels to CK/a\.png"):
        read(listing("CK/a.png 0", "CK\\a.png 1"), images=tree(FILES), class_order="osa")


def test_lines_that_are_not_like_the_others(tree: Maker, listing: Maker) -> None:
    path = listing("CK/a.png 0", "CK/b c.png", "JAFFE/d.png 1", "x.png 1 2")
    with pytest.raises(UserError, match=r"1 of 4 lines .* lines 4\. Correct"):
        read(path, images=tree(FILES), class_order="osa")
    with pytest.raises(UserError, match="has no lines"):
        read(listing("", "  "), images=tree(FILES))


def test_words_as_classes_and_old_encodings(tree: Maker, listing: Maker) -> None:
    root = tree(["ä.png", "b.png"])
    path = listing("ä.png happy", "b.png Angry", encoding="latin-1")
    assert read_any(path, images=root).manifest["expression"].tolist() == ["happiness", "anger"]


def test_a_box_between_path_and_class(tree: Maker, listing: Maker) -> None:
    """AFE's rows in the CD-FER programs; its classes are numbers of its own and some are dropped."""
    path = listing("CK/a.png 1 2 11 22 9", "JAFFE/d.png 0 0 10 10 7")
    names = {"9": "anger", "1": "happiness"}
    reading = read(path, images=tree(FILES), names=names, unknown="unlabelled")
    assert reading.manifest.loc[0, list(BOX)].tolist() == [1, 2, 10, 20]
    assert reading.manifest["expression"].tolist() == ["anger", None]
    assert "'7' (1 row)" in reading.warnings[0]


def test_expws_rows(tree: Maker, listing: Maker) -> None:
    """Two faces in one picture are two rows; the owner's own file orders the box top, left, right, bottom."""
    root = tree(FILES)
    path = listing("CK/a.png 0 2 1 11 22 98.5 3", "CK/a.png 1 5 30 50 25 60 6", name="label.lst")
    manifest = read_any(path, images=root, class_order="expw").manifest
    assert manifest[list(BOX)].to_numpy().tolist() == [[1, 2, 10, 20], [30, 5, 20, 20]]
    assert manifest["expression"].tolist() == ["happiness", "neutral"]
    assert manifest["confidence"].tolist() == [98.5, 60]
    points = "3 6 9 6 6 12 4 18 8 18"
    manifest = read(listing(f"CK/a.png 0 1 2 11 22 3 {points}"), images=root, class_order="expw").manifest
    assert manifest.loc[0, list(LANDMARKS)].tolist() == [float(number) for number in points.split()]
    assert manifest.loc[0, list(BOX)].tolist() == [1, 2, 10, 20]
    assert manifest["expression"].tolist() == ["happiness"]


def test_corners_in_another_order_are_noticed(tree: Maker, listing: Maker) -> None:
    path = listing("CK/a.png 0 40 0 60 22 3 3 6 9 6 6 12 4 18 8 18")
    warnings = read(path, images=tree(FILES), class_order="expw").warnings
    assert any("1 of 1 noses lie outside" in warning for warning in warnings)
    with pytest.raises(UserError, match="no area"):
        read(listing("CK/a.png 40 0 10 22 3"), images=tree(FILES), class_order="osa")


def test_columns_nobody_knows_are_carried(tree: Maker, listing: Maker) -> None:
    reading = read(listing("CK/a.png 8 0", "JAFFE/d.png 9 6"), images=tree(FILES), class_order="osa")
    assert reading.manifest["column_2"].tolist() == [8, 9]
    assert "3 columns are no form" in reading.warnings[0]


def test_boxes_and_points_in_files(tree: Maker, listing: Maker, tmp_path: Path) -> None:
    root = tree(FILES)
    path = listing("CK/a.png 0", "CK/b c.png 1", "JAFFE/d.png 2")
    for name, text in {
        "points/CK/a.txt": "3 6\n9 6\r\n6\t12.5\n4 18\n8 18\n",
        "points/d_manu_attri.txt": "1 2\n3 4\n5 6\n7 8\n9 10\n0\n1\n2\n",
        "boxes/a_boundingbox.txt": "1 2 11 22\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    folders = {"boxes": tmp_path / "boxes", "points": tmp_path / "points"}
    reading = read(path, images=root, class_order="osa", **folders)
    assert reading.manifest.loc[0, list(LANDMARKS)].tolist() == [3, 6, 9, 6, 6, 12.5, 4, 18, 8, 18]
    assert reading.manifest.loc[2, list(LANDMARKS)].tolist() == list(range(1, 11))
    assert reading.manifest.loc[0, list(BOX)].tolist() == [1, 2, 10, 20]
    assert reading.manifest.loc[1, list(LANDMARKS)].isna().all()
    assert ["no file for 2 pictures" in warning for warning in reading.warnings] == [True, False]
    skipped = read(path, images=root, class_order="osa", without_points="skip", **folders)
    assert skipped.manifest["file"].tolist() == [FILES[0], FILES[2]]
    assert skipped.unusable.to_numpy().tolist() == [[FILES[1], "it has no landmarks"]]
    (tmp_path / "points/CK/a.txt").write_text("3 6\n")
    with pytest.raises(UserError, match=r"a\.txt does not begin with 10 numbers"):
        read(path, images=root, class_order="osa", **folders)
    (tmp_path / "none").mkdir()
    with pytest.raises(UserError, match=r"no file for any picture.*'CK/a\.txt'"):
        read(path, images=root, class_order="osa", points=tmp_path / "none")
    with pytest.raises(UserError, match="There is no folder"):
        read(path, images=root, class_order="osa", points=tmp_path / "nowhere")
