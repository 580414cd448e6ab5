from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import oulu_casia
from .miniatures.owner import picture


def sequence(folder: Path, frames: int, first: int = 0) -> None:
    for frame in range(first, first + frames):
        picture(folder / f"{frame:03d}.jpeg", (8, 8))


def test_modality_and_light_are_chosen(tmp_path: Path) -> None:
    for condition in ("VL/Strong", "VL/Dark", "NI/Strong"):
        sequence(tmp_path / "B_OriginalImg" / condition / "P001" / "Fear", 4)
    kinds = {
        (modality, light): read_dataset("oulu-casia", tmp_path, modality=modality, light=light).manifest
        for modality, light in (("vl", "strong"), ("vl", "all"), ("ni", "all"), ("all", "all"))
    }
    assert [len(rows) for rows in kinds.values()] == [4, 8, 4, 12]
    assert kinds["ni", "all"]["modality"].unique().tolist() == ["ni"]
    assert sorted(kinds["vl", "all"]["light"].unique()) == ["dark", "strong"]
    assert kinds["all", "all"]["sequence"].nunique() == 3
    assert (kinds["all", "all"]["expression"] == "neutral").sum() == 3
    with pytest.raises(UserError, match="no sequence of Oulu-CASIA in modality ni and light dark"):
        read_dataset("oulu-casia", tmp_path, modality="ni", light="dark")


def test_all_frames_come_with_a_warning_and_without_neutral(tmp_path: Path) -> None:
    oulu_casia.make(tmp_path)
    reading = read_dataset("oulu-casia", tmp_path, frames="all")
    assert len(reading.manifest) == 2 * 6 * 12
    assert "neutral" not in reading.manifest["expression"].tolist()
    assert "its first ones, which are neutral" in reading.warnings[0]


@pytest.mark.parametrize(
    "folder", ["C_PreProcess Img", "C_PreprocessImg", "preprocess_img", "PreProcess Img"]
)
def test_the_cropped_set_is_known_in_every_spelling(tmp_path: Path, folder: str) -> None:
    for name in (folder, "B_OriginalImg"):
        sequence(tmp_path / name / "VL" / "Strong" / "P002" / "Anger", 5)
    cropped = read_dataset("oulu-casia", tmp_path)
    assert cropped.crop == {"kind": "whole"} and len(cropped.manifest) == 4
    assert cropped.manifest["file"].str.startswith(folder).all()
    itself = read_dataset("oulu-casia", tmp_path / folder)
    assert itself.crop == cropped.crop and len(itself.manifest) == 4
    original = read_dataset("oulu-casia", tmp_path, images="original")
    assert original.crop == {"kind": "aligned"}
    assert original.manifest["file"].str.startswith("B_OriginalImg").all()
    with pytest.raises(UserError, match="cropped pictures alone"):
        read_dataset("oulu-casia", tmp_path / folder, images="original")


def test_a_sequence_without_its_first_frames_has_no_neutral(tmp_path: Path) -> None:
    sequence(tmp_path / "VL" / "Strong" / "P003" / "Sadness", 3, first=14)
    rows = read_dataset("oulu-casia", tmp_path).manifest
    assert rows["expression"].tolist() == ["sadness"] * 3


def test_an_unknown_expression_is_named(tmp_path: Path) -> None:
    sequence(tmp_path / "VL" / "Strong" / "P003" / "Neutral", 1)
    with pytest.raises(UserError, match="code 'Neutral'"):
        read_dataset("oulu-casia", tmp_path)
