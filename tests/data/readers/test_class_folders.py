from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ferda.data.readers.class_folders import read
from ferda.errors import UserError

Maker = Callable[..., Path]


@pytest.fixture(params=["tree", "archive"])
def make(request: pytest.FixtureRequest) -> Maker:
    maker: Maker = request.getfixturevalue(request.param)
    return maker


def test_a_folder_per_class(make: Maker) -> None:
    reading = read(make(["happy/a.png", "Angry/b.png", "happy/c.png"]))
    assert reading.manifest["file"].tolist() == ["Angry/b.png", "happy/a.png", "happy/c.png"]
    assert reading.manifest["expression"].tolist() == ["anger", "happiness", "happiness"]
    assert reading.manifest["source_label"].tolist() == ["Angry", "happy", "happy"]
    assert reading.manifest["split"].isna().all()
    assert "happiness 2" in reading.told
    assert not reading.warnings


def test_splits_above_the_classes(make: Maker) -> None:
    reading = read(make(["train/happy/a.png", "valid/sad/b.png", "test/sad/c.png"]))
    rows = dict(zip(reading.manifest["file"], reading.manifest["split"], strict=True))
    assert rows == {"train/happy/a.png": "train", "valid/sad/b.png": "val", "test/sad/c.png": "test"}


def test_one_folder_around_it_all_is_passed_through(make: Maker) -> None:
    reading = read(make(["set/train/happy/a.png", "set/test/sad/b.png"]))
    assert set(reading.manifest["expression"]) == {"happiness", "sadness"}
    assert set(reading.manifest["split"]) == {"train", "test"}


def test_one_folder_too_high_is_explained(make: Maker) -> None:
    with pytest.raises(UserError, match=r"one folder too high.*ck, jaffe"):
        read(make(["ck/happy/a.png", "ck/sad/b.png", "jaffe/happy/c.png"]))


def test_people_above_the_classes(make: Maker) -> None:
    root = make(["ann/happy/a.png", "bob/sad/b.png"])
    assert read(root, above="subject").manifest["subject"].tolist() == ["ann", "bob"]
    assert read(root, above="ignore").manifest["subject"].isna().all()


def test_people_below_the_classes(make: Maker) -> None:
    root = make(["happy/ann/a.png", "sad/bob/b.png"])
    with pytest.raises(
        UserError, match=r"folders inside its class folders: happy/ann, sad/bob.*below='subject'"
    ):
        read(root)
    assert read(root, below="subject").manifest["subject"].tolist() == ["ann", "bob"]
    assert read(root, below="ignore").manifest["subject"].isna().all()


def test_one_class_is_refused(make: Maker) -> None:
    root = make(["happy/a.png", "happy/b.png"])
    with pytest.raises(UserError, match=r"are 'happiness': with one class every score is 100 %"):
        read(root)
    assert len(read(root, one_class=True).manifest) == 2


def test_a_tree_without_classes_says_what_it_holds(make: Maker) -> None:
    with pytest.raises(
        UserError, match=r"named after an expression: it holds cats \(2 pictures\), dogs \(1 pict"
    ):
        read(make(["cats/a.png", "cats/b.png", "dogs/c.png"]))


def test_unknown_folders_come_all_at_once(make: Maker) -> None:
    root = make(
        [
            "train/happy/a.png",
            "train/sad/b.png",
            "train/hapyness/c.png",
            "train/other/d.png",
            "train/other/e.png",
        ]
    )
    with pytest.raises(
        UserError, match=r"'other' \(2 rows\), 'hapyness' \(1 row\) \(did you mean 'happiness'\?\)"
    ):
        read(root)
    reading = read(root, unknown="unlabelled")
    assert len(reading.manifest) == 5
    assert int(reading.manifest["expression"].isna().sum()) == 3
    assert "'other' (2 rows)" in reading.warnings[0]
    assert read(root, names={"other": "neutral", "hapyness": "happy"}).manifest["expression"].notna().all()


def test_loose_pictures_are_named(make: Maker) -> None:
    root = make(["data/happy/a.png", "data/sad/b.png", "readme.png"])
    with pytest.raises(UserError, match=r"lie in no class folder: readme\.png"):
        read(root)
    assert read(root, unknown="unlabelled").manifest["expression"].isna().sum() == 1


def test_numbered_folders_ask_for_the_numbering(make: Maker) -> None:
    root = make(["train/1/a.png", "test/4/b.png"])
    with pytest.raises(UserError, match="never guesses a numbering"):
        read(root)
    assert set(read(root, numbering="raf-db").manifest["expression"]) == {"surprise", "happiness"}


def test_an_empty_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no picture"):
        read(tmp_path)


def test_a_programs_numbered_folders(make: Maker) -> None:
    """OSA's and MA-Net's folders bear the same numbers and mean different things."""
    root = make([f"RAF/{split}/{number}/{number}.png" for split in ("train", "valid") for number in range(7)])
    osa, manet = read(root, class_order="osa").manifest, read(root, class_order=["manet"]).manifest
    assert osa["expression"].tolist()[:3] == ["surprise", "fear", "disgust"]
    assert manet["expression"].tolist()[:3] == ["neutral", "happiness", "sadness"]
    assert osa["source_label"].tolist()[:3] == ["0", "1", "2"]
    assert osa["split"].tolist() == ["train"] * 7 + ["val"] * 7


def test_folders_outside_the_order(make: Maker) -> None:
    root = make([f"train/{number}/a.png" for number in range(1, 8)])
    with pytest.raises(UserError, match=r"outside the class order, '7' \(1 row\): it counts from 0"):
        read(root, class_order="osa")
    root = make([f"some/{number}/a.png" for number in range(1, 7)])
    assert "has no number 0" in read(root / "some" if root.is_dir() else root, class_order="osa").warnings[0]


def test_landmark_files_beside_class_folders(make: Maker, tmp_path: Path) -> None:
    """CK+ and SFEW in the CD-FER programs: folders by expression, points in files of their own."""
    root = make(["Train/Happy/a.png", "Train/Sad/b.png"])
    (tmp_path / "points/Train/Happy").mkdir(parents=True)
    (tmp_path / "points/Train/Happy/a.txt").write_text("1 2\n3 2\n2 3\n1 4\n3 4\n")
    reading = read(root, points=tmp_path / "points")
    assert reading.manifest["right_eye_x"].tolist()[0] == 1 and len(reading.manifest) == 2
    assert "no file for 1 pictures: Train/Sad/b.png" in reading.warnings[0]
    skipped = read(root, points=tmp_path / "points", without_points="skip")
    assert skipped.unusable["file"].tolist() == ["Train/Sad/b.png"]
    with pytest.raises(UserError, match="No picture has landmarks"):
        read(root, without_points="skip")
