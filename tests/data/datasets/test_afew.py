from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import afew
from .miniatures.owner import picture, text


def test_frames_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    afew.make(tmp_path)
    rows = read_dataset("afew", tmp_path).manifest
    assert rows["frame"][rows["source_label"] == "Angry"].tolist() == [2, 10, 2, 10]


def test_videos_are_refused_with_the_way_to_frames(tmp_path: Path) -> None:
    text(tmp_path / "Train_AFEW" / "Angry" / "000046280.avi", "RIFF")
    with pytest.raises(
        UserError, match=r"ffmpeg -i Train_AFEW/Angry/000046280.avi Train_AFEW/Angry/000046280/"
    ):
        read_dataset("afew", tmp_path)


def test_a_frame_in_no_class_is_refused(tmp_path: Path) -> None:
    picture(tmp_path / "Val_AFEW" / "Bored" / "000046280" / "1.jpg")
    with pytest.raises(UserError, match="none of AFEW's classes"):
        read_dataset("afew", tmp_path)
