from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ferda.data.readers import read_any
from ferda.data.readers.pixel_table import is_pixel_table
from ferda.errors import UserError

Maker = Callable[..., Path]


def test_class_folders_are_seen(tree: Maker) -> None:
    assert "class folders" in read_any(tree(["happy/a.png", "sad/b.png"])).told


def test_a_zip_of_class_folders_is_seen(archive: Maker) -> None:
    assert "class folders" in read_any(archive(["happy/a.png", "sad/b.png"])).told


def test_numbered_class_folders_are_seen_with_a_numbering(tree: Maker) -> None:
    assert "class folders" in read_any(tree(["1/a.png", "2/b.png"]), numbering="raf-db").told


def test_a_table_in_a_folder_or_beside_a_zip_is_seen(tree: Maker, archive: Maker, table: Maker) -> None:
    root = tree(["a.png"])
    table("tree/labels.csv", file=["a.png"], label=["sad"])
    assert "labels from 'label'" in read_any(root).told
    table("data.csv", file=["a.png"], label=["sad"])
    assert "labels from 'label'" in read_any(archive(["a.png"])).told


def test_pictures_without_labels(tree: Maker, archive: Maker) -> None:
    root = tree(["a.png", "deep/er/b.png"])
    assert "2 pictures without labels" in read_any(root).told
    assert "1 pictures without labels" in read_any(archive(["a.png"])).told
    single = read_any(root / "a.png")
    assert single.manifest["file"].tolist() == ["a.png"]
    assert single.images.read("a.png")


def test_a_class_folder_read_alone_is_warned_of(tree: Maker) -> None:
    assert "would be read with 'happy' as a class" in read_any(tree(["happy/a.png"]) / "happy").warnings[0]


def test_several_tables_must_be_chosen_from(tree: Maker, table: Maker) -> None:
    root = tree(["a.png"])
    for name in ("one", "two"):
        table(f"tree/{name}.csv", file=["a.png"], label=["sad"])
    with pytest.raises(UserError, match=r"several tables \(one\.csv, two\.csv\)"):
        read_any(root)


@pytest.mark.parametrize(
    ("spec", "message"),
    [("nowhere", "nothing at"), (".", "holds no picture"), ("note.txt", "no table, list, zip file or pict")],
)
def test_nothing_to_read(tmp_path: Path, spec: str, message: str) -> None:
    (tmp_path / "note.txt").write_text("")
    with pytest.raises(UserError, match=message):
        read_any(tmp_path / spec)


def test_an_option_the_reader_does_not_have(tree: Maker) -> None:
    with pytest.raises(UserError, match=r"no option 'numberings' .did you mean 'numbering'"):
        read_any(tree(["happy/a.png", "sad/b.png"]), numberings="raf-db")
    with pytest.raises(UserError, match=r"no reader 'tabel' .did you mean 'table'"):
        read_any(tree(["happy/a.png"]), reader="tabel")


def test_a_reader_can_be_chosen(tree: Maker) -> None:
    assert "without labels" in read_any(tree(["happy/a.png", "sad/b.png"]), reader="pictures").told


def test_the_fingerprint_follows_pictures_and_labels(tree: Maker, picture: Callable[..., bytes]) -> None:
    root = tree(["happy/a.png", "sad/b.png"])
    before = read_any(root).fingerprint()
    assert read_any(root).fingerprint() == before
    assert read_any(root, reader="pictures").fingerprint() != before
    (root / "sad/b.png").write_bytes(picture(5))
    assert read_any(root).fingerprint() != before


def test_a_table_of_pixels(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16))
    lines = [
        f"{label},{' '.join(map(str, row))},{use}"
        for label, row, use in zip((0, 3, 6), pixels, ("Training",) * 2 + ("PublicTest",), strict=True)
    ]
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(["emotion, pixels,Usage", *lines]))
    assert is_pixel_table(path)
    reading = read_any(path)
    assert reading.manifest["expression"].tolist() == ["anger", "happiness", "neutral"]
    assert reading.manifest["split"].tolist() == ["train", "train", "val"]
    assert (
        reading.images.read(reading.manifest["file"][1])
        == b"P5 4 4 255\n" + pixels[1].astype(np.uint8).tobytes()
    )
    bad = [
        "1 2 x 4",
        "1 2 3 x",
        "1 2 3",
        "1 2 3 256",
        "-1 2 3 4",
        "1.5 2 3 4",
        "",
        "1 2 3 4",
    ]  # the last: 2 x 2
    for row in bad:
        path.write_text("\n".join(["emotion,pixels,Usage", lines[0], f"3,{row},Training"]))
        with pytest.raises(UserError, match="Row 1"):
            read_any(path)
    for text, problem in (("emotion,pixels\n", "no rows"), ("emotion,picture\n1,2\n", "no column 'pixels'")):
        path.write_text(text)
        with pytest.raises(UserError, match=problem):
            read_any(path, reader="pixel_table")
