from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import rafd
from .miniatures.owner import picture


def test_the_camera_in_front_is_taken_unless_all_are_asked_for(tmp_path: Path) -> None:
    rows = rafd.make(tmp_path)
    frontal = read_dataset("rafd", tmp_path)
    assert frontal.manifest["view"].unique().tolist() == ["090"] and len(frontal.manifest) == len(rows) - 1
    assert frontal.variant == "frontal"
    with pytest.raises(UserError, match="one of frontal, all"):
        read_dataset("rafd", tmp_path, views="half")


def test_a_word_that_is_no_emotion_of_rafd_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "Rafd090_01_Caucasian_female_bored_frontal.jpg")
    with pytest.raises(UserError, match="code 'bored'"):
        read_dataset("rafd", tmp_path)
