from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures.jaffe import make
from .miniatures.owner import picture


def test_pictures_without_ratings_are_said(tmp_path: Path) -> None:
    rows = make(tmp_path)
    reading = read_dataset("jaffe", tmp_path)
    said = next(warning for warning in reading.warnings if "ratings" in warning)
    assert f"of {len(rows) - 3} pictures: " in said


def test_without_the_readme_there_are_no_ratings(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "jaffe" / "README_FIRST.txt").unlink()
    reading = read_dataset("jaffe", tmp_path)
    assert not [column for column in reading.manifest if column.startswith("rating")]
    assert not any("ratings" in warning for warning in reading.warnings)


def test_numbers_are_in_their_order(tmp_path: Path) -> None:
    for name in ("KA.AN1.100.tiff", "KA.AN1.39.tiff", "KA.AN1.9.tiff"):
        picture(tmp_path / name)
    assert read_dataset("jaffe", tmp_path).manifest["number"].tolist() == [9, 39, 100]


def test_a_code_that_is_none_is_refused_and_a_renamed_copy_too(tmp_path: Path) -> None:
    picture(tmp_path / "anger" / "surprise_1.tiff")
    with pytest.raises(UserError, match="does not look like JAFFE"):
        read_dataset("jaffe", tmp_path)
    picture(tmp_path / "KA.AN1.39.tiff")
    picture(tmp_path / "KA.XX1.40.tiff")
    with pytest.raises(UserError, match="the code 'XX'"):
        read_dataset("jaffe", tmp_path)
