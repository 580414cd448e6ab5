from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import dataset, read_dataset
from ferda.errors import UserError

from .miniatures.ck_plus import CODES, make
from .miniatures.owner import pack_up, picture, text

IMAGES = "cohn-kanade-images"
SHIPPED = {IMAGES: "extended-cohn-kanade-images", "emotion": "Emotion_labels"} | {
    "Landmarks": "Landmarks",
    "FACS": "FACS_labels",
}


def frames(root: Path, **options: object) -> dict[str, list[int]]:
    """The frames that were taken from each sequence, neutral ones negative."""
    taken: dict[str, list[int]] = {}
    for row in read_dataset("ck-plus", root, **options).manifest.itertuples():
        taken.setdefault(row.sequence, []).append(row.frame * (-1 if row.expression == "neutral" else 1))
    return taken


def test_the_last_frames_are_the_last_by_number(tmp_path: Path) -> None:
    make(tmp_path)
    assert frames(tmp_path)["S010/001"] == [-9, 11, 12, 13]
    assert frames(tmp_path, frames=1)["S010/001"] == [-9, 13]
    assert frames(tmp_path, frames=1)["S005/006"] == [-1]  # the peak is missing, and none stands in for it
    assert frames(tmp_path, frames=9)["S010/001"] == [9, 10, 11, 12, 13]  # a frame has one label
    with pytest.raises(UserError, match="at least 1, got 0"):
        frames(tmp_path, frames=0)


def test_neutral_faces_of_sequences_of_people_and_none(tmp_path: Path) -> None:
    make(tmp_path)
    first = {"S010/001": [-9], "S005/002": [-1], "S111/001": [-1]}
    by_subject = frames(tmp_path, neutral="subject")
    assert {
        sequence: taken for sequence, taken in by_subject.items() if min(taken) < 0
    }.keys() == first.keys()
    assert all(by_subject[sequence][:1] == taken for sequence, taken in first.items())
    assert not any(frame < 0 for taken in frames(tmp_path, neutral="none").values() for frame in taken)
    assert "S111/001" not in frames(tmp_path)


def test_sequences_without_a_label_are_counted(tmp_path: Path) -> None:
    make(tmp_path)
    assert "1 sequences have no label" in " ".join(read_dataset("ck-plus", tmp_path).warnings)


def test_the_archives_need_not_be_unpacked(tmp_path: Path) -> None:
    rows = make(tmp_path / "plain")
    (tmp_path / "shipped").mkdir()
    for folder, archive in SHIPPED.items():
        pack_up(tmp_path / "plain" / folder, tmp_path / "shipped" / f"{archive}.zip")
    plain, shipped = (read_dataset("ck-plus", tmp_path / name).manifest for name in ("plain", "shipped"))
    assert len(shipped) == len(rows)
    assert plain.drop(columns="file").equals(shipped.drop(columns="file"))
    assert shipped["file"][0].startswith(f"extended-cohn-kanade-images.zip/{IMAGES}/S005/002/")


def test_the_cropped_copy_is_known_as_such(tmp_path: Path) -> None:
    for code in CODES[1:]:
        folder = code.replace("happiness", "happy")
        picture(tmp_path / "CK+48" / folder / f"S010_00{CODES.index(code)}_00000014.png", mode="L")
    reading = read_dataset("ck-plus", tmp_path)
    rows = reading.manifest.set_index("expression")
    assert sorted(rows.index) == sorted(CODES[1:])
    assert tuple(rows.loc["surprise", ["subject", "sequence", "frame"]]) == ("S010", "S010/007", 14)
    assert reading.variant == "CK+48" and reading.crop == {"kind": "whole"}
    assert "CK+48" in reading.warnings[0]


def test_its_small_faces_are_not_mixed_with_the_originals(tmp_path: Path) -> None:
    rows = make(tmp_path)
    picture(tmp_path / "a" / "disgust" / "S005_002_00000005.png")
    picture(tmp_path / "z" / "disgust" / "S005_002_00000005.png")
    reading = read_dataset("ck-plus", tmp_path)
    assert sorted(reading.manifest["file"]) == sorted(row["file"] for row in rows)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("emotion/S005/002/S005_002_00000005_emotion.txt", "   8.0e+00\n", "says '8.0e.*0 to 7"),
        ("emotion/S005/002/S005_002_00000005_emotion.txt", "", "says ''"),
        ("Landmarks/S005/002/S005_002_00000004_landmarks.txt", "1 2\n" * 67, "68 points"),
        ("FACS/S005/002/S005_002_00000005_facs.txt", "1 2 3\n", "pairs of an action unit"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, file: str, content: str, message: str) -> None:
    make(tmp_path)
    text(tmp_path / file, content)
    with pytest.raises(UserError, match=message) as error:
        read_dataset("ck-plus", tmp_path)
    assert file in str(error.value)


def test_pictures_without_labels_are_refused_with_the_tree(tmp_path: Path) -> None:
    picture(tmp_path / IMAGES / "S005" / "001" / "S005_001_00000001.png")
    with pytest.raises(UserError, match="Emotion_labels"):
        read_dataset("ck-plus", tmp_path)


def test_the_published_numbers_add_up() -> None:
    totals = {variant: sum(counts[""].values()) for variant, counts in dataset("ck-plus").counts.items()}
    assert totals == {
        "3 last frames, neutral: sequence": 1308,
        "3 last frames, neutral: subject": 1104,
        "3 last frames, neutral: none": 981,
        "CK+48": 981,
    }
