from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import sfew
from .miniatures.owner import pack_up, picture

NAME = "Out of_Sight_000123456_00000031.png"


def test_a_classs_frames_may_lie_in_an_archive_of_their_own(tmp_path: Path) -> None:
    for word in ("angry", "Happy"):
        picture(tmp_path / "made" / word / NAME)
        (tmp_path / "Train").mkdir(exist_ok=True)
        pack_up(tmp_path / "made" / word, tmp_path / "Train" / f"{word}.zip")
        (tmp_path / "made" / word / NAME).unlink()
    picture(tmp_path / "Train" / "Sad" / NAME.replace(".png", ".jpg"))
    reading = read_dataset("sfew", tmp_path)
    assert reading.variant == "frames" and reading.crop == {"kind": "aligned"}
    assert reading.manifest["expression"].tolist() == ["happiness", "sadness", "anger"]
    assert reading.manifest["source_label"].tolist() == ["Happy", "Sad", "angry"]
    assert reading.manifest["subject"].unique().tolist() == ["Out of_Sight"]
    assert reading.images.read(reading.manifest["file"][0]).startswith(b"\x89PNG")
    with pytest.raises(UserError, match="only SFEW's frames"):
        read_dataset("sfew", tmp_path, images="aligned")


def test_aligned_faces_come_first_and_frames_on_demand(tmp_path: Path) -> None:
    rows = sfew.make(tmp_path)
    picture(tmp_path / "Train" / "Angry" / NAME)
    aligned = read_dataset("sfew", tmp_path)
    assert aligned.variant == "aligned" and aligned.crop is None and len(aligned.manifest) == len(rows)
    frames = read_dataset("sfew", tmp_path, images="frames").manifest
    assert frames["file"].tolist() == [f"Train/Angry/{NAME}"]


def test_the_newer_validation_archive_wins_and_copies_count_once(tmp_path: Path) -> None:
    rows = sfew.make(tmp_path)
    picture(tmp_path / "Val" / "Val_Aligned_Faces" / "Sad" / NAME)  # only in the older
    again = "Train/Train_Aligned_Faces/Sad/Bridget_Jones 2_000519240_00000005.png"  # also in the archive
    picture(tmp_path / again)
    reading = read_dataset("sfew", tmp_path)
    assert len(reading.manifest) == len(rows)
    assert [warning.split(" ")[0] for warning in reading.warnings[:2]] == ["1", "1"]
    assert "older" in reading.warnings[0] and "once" in reading.warnings[1]
    for path in (tmp_path / "Val" / "Val_Aligned_Faces_new").glob("*/*"):
        path.unlink()
    older = read_dataset("sfew", tmp_path).manifest
    assert older["file"][older["split"] == "val"].tolist() == [f"Val/Val_Aligned_Faces/Sad/{NAME}"]


def test_a_training_picture_in_no_class_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "Val" / "Val_Aligned_Faces" / "Contempt" / NAME)
    with pytest.raises(UserError, match=r"Contempt/Out of_Sight.* none of SFEW 2.0's classes"):
        read_dataset("sfew", tmp_path)


def test_an_archive_of_archives_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "Angry" / NAME)
    pack_up(tmp_path / "Angry", tmp_path / "Train.zip")
    (tmp_path / "sfew").mkdir()
    (tmp_path / "Train.zip").rename(tmp_path / "sfew" / "Train.zip")
    pack_up(tmp_path / "sfew", tmp_path / "sfew.zip")
    with pytest.raises(UserError, match=r"sfew/Train.zip is an archive that is not looked into: unpack it"):
        read_dataset("sfew", tmp_path / "sfew.zip")
    assert read_dataset("sfew", tmp_path / "sfew").manifest["expression"].tolist() == ["anger"]
