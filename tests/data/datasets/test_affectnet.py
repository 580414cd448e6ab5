from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ferda.data.datasets import affectnet, dataset, read_dataset
from ferda.data.readers import read_any
from ferda.errors import UserError

from .miniatures.affectnet import ABOVE, CODES, HEADER, POINTS, hashed, make
from .miniatures.owner import pack_up, picture, text

LISTS = "Manually_Annotated_file_lists"


def save(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(value))


def lay_arrays(root: Path) -> None:
    """One face of each class in each part; classes as text in the one, as numbers in the other."""
    points = np.array(POINTS.split(";"))
    for part, first in (("train_set", 2), ("val_set", 9)):
        for code in range(8):
            stem = root / part / "annotations" / str(first + code)
            picture(root / part / "images" / f"{first + code}.{'JPG' if code == 3 else 'jpg'}")
            as_text = part == "train_set"
            for kind, value in (("exp", code), ("val", code / 10), ("aro", -2.0)):
                save(stem.with_name(f"{stem.name}_{kind}.npy"), str(value) if as_text else value)
            lnd = points if as_text else points.astype(float).reshape(68, 2)
            save(stem.with_name(f"{stem.name}_lnd.npy"), lnd)


def reasons(root: Path, **options: Any) -> dict[str, str]:
    unusable = read_dataset("affectnet", root, **options).unusable
    return {
        file.rsplit("/", 1)[-1]: reason for file, reason in zip(*map(unusable.get, unusable), strict=True)
    }


def test_what_is_left_out_is_listed_with_its_reason(tmp_path: Path) -> None:
    make(tmp_path)
    found = {int(name.split(".")[0], 16): reason for name, reason in reasons(tmp_path).items()}
    assert found == {
        58: "none of the expressions",
        59: "uncertain",
        60: "no face",
        0: "listed again",
        103: "listed again",
        77: f"{tmp_path.name} names it, but it is missing",
    }
    warnings = " ".join(read_dataset("affectnet", tmp_path).warnings)
    assert "1 faces have no box" in warnings and "1 faces have no 68 points" in warnings
    assert "not annotated" not in warnings


def test_the_validation_part_keeps_a_picture_of_both(tmp_path: Path) -> None:
    make(tmp_path)
    rows = read_dataset("affectnet", tmp_path).manifest.set_index("file")
    assert rows.loc[f"{ABOVE}/{hashed(103)}", "split"] == "val"


def test_a_picture_with_two_classes_is_left_out(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / LISTS / "training.csv"
    text(path, path.read_text() + f"\n{hashed(4)},1,1,5,5,{POINTS},5,0,0")
    rows = read_dataset("affectnet", tmp_path).manifest
    assert f"{ABOVE}/{hashed(4)}" not in set(rows["file"])
    assert reasons(tmp_path)[hashed(4).split("/")[1]] == "listed with several classes"


def test_seven_classes_leave_contempt_out(tmp_path: Path) -> None:
    rows = make(tmp_path)
    reading = read_dataset("affectnet", tmp_path, classes=7)
    assert len(reading.manifest) == len(rows) - 2
    assert "contempt" not in set(reading.manifest["expression"])
    assert sorted(reasons(tmp_path, classes=7).values()).count("contempt, not one of 7 classes") == 2
    assert reading.variant == "tables, 7 classes"
    with pytest.raises(UserError, match="one of 8, 7, got '6'"):
        read_dataset("affectnet", tmp_path, classes=6)


def test_a_header_may_be_there_or_not(tmp_path: Path) -> None:
    make(tmp_path / "one")
    make(tmp_path / "two")
    for name in ("training", "validation"):
        path = tmp_path / "two" / LISTS / f"{name}.csv"
        content = path.read_text()
        has_header = content.startswith(HEADER)
        path.write_text(content.removeprefix(HEADER).lstrip() if has_header else f"{HEADER}\n{content}")
    one, two = (read_dataset("affectnet", tmp_path / name).manifest for name in ("one", "two"))
    assert one.equals(two)


def test_pictures_without_their_folders_and_lists_of_other_names(tmp_path: Path) -> None:
    make(tmp_path)
    folder = tmp_path / "Manually_Annotated_extracted"
    folder.mkdir()
    for path in (tmp_path / ABOVE).rglob("*.*"):
        if path.is_file():
            path.rename(folder / path.name)
    for name in ("training", "validation"):
        (tmp_path / LISTS / f"{name}.csv").rename(tmp_path / LISTS / f"Manually_{name}.csv")
    picture(folder / "unknown.jpg")
    reading = read_dataset("affectnet", tmp_path)
    assert len(reading.manifest) == 17
    assert set(reading.manifest["split"]) == {"train", "val"}
    assert "1 pictures are not annotated" in reading.warnings[0]


def test_the_automatic_part_is_apart(tmp_path: Path) -> None:
    rows = make(tmp_path)
    with pytest.raises(UserError, match="no automatic part"):
        read_dataset("affectnet", tmp_path, part="automatic")
    path = hashed(0)
    picture(tmp_path / "Automatically_Annotated" / "Automatically_Annotated_Images" / path)
    line = f"{HEADER}\n{path},1,1,5,5,{POINTS},6,0.5,0.5"
    text(tmp_path / "Automatically_Annotated_file_lists" / "automatically_annotated.csv", line)
    reading = read_dataset("affectnet", tmp_path, part="automatic")
    assert reading.manifest["file"].tolist() == [
        f"Automatically_Annotated/Automatically_Annotated_Images/{path}"
    ]
    assert reading.manifest["expression"].tolist() == ["anger"]
    assert reading.manifest["split"].tolist() == [None]
    assert len(read_dataset("affectnet", tmp_path).manifest) == len(rows)


def test_the_release_of_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affectnet, "_TOGETHER", 3)
    lay_arrays(tmp_path)
    picture(tmp_path / "val_set" / "images" / "99.jpg")  # nobody labelled it
    (tmp_path / "val_set" / "images" / "9.jpg").unlink()
    (tmp_path / "val_set" / "annotations" / "11_lnd.npy").unlink()
    reading = read_dataset("affectnet", tmp_path)
    rows = reading.manifest
    assert rows["expression"].tolist() == [*CODES, *CODES[1:]]
    assert rows["split"].tolist() == ["train"] * 8 + ["val"] * 7
    assert rows["file"].tolist()[7:9] == ["train_set/images/9.jpg", "val_set/images/10.jpg"]
    assert rows["valence"].tolist()[:3] == [0, 0.1, 0.2] and rows["arousal"].isna().all()
    points = rows[["nose_x", "nose_y", "right_eye_x", "left_mouth_y"]].to_numpy()
    assert np.isnan(points[9]).all()
    assert (np.delete(points, 9, axis=0) == [30.25, 60, 38.75, 108]).all()
    assert reading.variant == "arrays" and reading.crop == {"kind": "whole"}
    assert reading.unusable["file"].tolist() == ["val_set/images/9.jpg"]
    assert "1 pictures are not annotated" in reading.warnings[0]
    alone = read_dataset("affectnet", tmp_path / "train_set").manifest
    assert set(alone["split"]) == {"train"} and len(alone) == 8
    with pytest.raises(UserError, match="no automatic part"):
        read_dataset("affectnet", tmp_path, part="automatic")


def test_arrays_within_an_archive(tmp_path: Path) -> None:
    lay_arrays(tmp_path / "plain")
    (tmp_path / "packed").mkdir()
    pack_up(tmp_path / "plain" / "val_set", tmp_path / "packed" / "val_set.zip")
    rows = read_dataset("affectnet", tmp_path / "packed").manifest
    assert rows["expression"].tolist() == list(CODES)
    assert set(rows["split"]) == {"val"}


@pytest.mark.parametrize("value", [[{"a": 1}], "fear", [], 11, 2.5])
def test_arrays_that_are_no_class_are_refused(tmp_path: Path, value: Any) -> None:
    lay_arrays(tmp_path)
    path = tmp_path / "val_set" / "annotations" / "12_exp.npy"
    np.save(path, np.array(value), allow_pickle=True)
    problem = "12_exp.npy does not hold numbers" if not isinstance(value, int | float) else f"class '{value}'"
    with pytest.raises(UserError, match=problem):
        read_dataset("affectnet", tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{hashed(0)},1,1,5,5,{POINTS},11,0,0", "the class '11'; AffectNet's are 0 to 10"),
        (f"{hashed(0)},1,1,5,5,{POINTS},,0,0", "the class ''"),
        ("subDirectory_filePath,expression\na.jpg,1", "no column 'face_x'"),
        ("a.jpg,1", "neither a header nor the 9 columns"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path: Path, line: str, message: str) -> None:
    make(tmp_path)
    text(tmp_path / LISTS / "training.csv", line)
    with pytest.raises(UserError, match=message):
        read_dataset("affectnet", tmp_path)


@pytest.mark.parametrize(
    ("names", "advice", "options"),
    [
        (
            ["train/0/a.jpg", "train/7/b.jpg", "val/0/c.jpg"],
            " --class-order affectnet",
            {"class_order": "affectnet"},
        ),
        (["Validation/0/0000123s7s785s-120.jpg"], "", {}),
        (["Validation/0/0000123_7_785_-120.jpg"], "", {}),
    ],
)
def test_copies_are_told_what_to_type(
    tmp_path: Path, names: list[str], advice: str, options: dict[str, str]
) -> None:
    for name in names:
        picture(tmp_path / name)
    with pytest.raises(UserError) as error:
        read_dataset("affectnet", tmp_path)
    assert f"'ferda prepare {tmp_path}{advice}' reads it" in str(error.value)
    assert "contempt" in set(read_any(tmp_path, **options).manifest["expression"])


def test_the_published_numbers_add_up() -> None:
    totals = {
        variant: tuple(sum(numbers.values()) for numbers in counts.values())
        for variant, counts in dataset("affectnet").counts.items()
    }
    assert totals == {
        "tables": (287_651, 4_000),
        "tables, 7 classes": (283_901, 3_500),
        "arrays": (287_651, 3_999),
        "arrays, 7 classes": (283_901, 3_499),
    }
