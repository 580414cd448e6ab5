from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import mug
from .miniatures.owner import picture


def sequences(root: Path) -> None:
    for number in range(8, 13):  # 8, 9, 10, 11, 12: not in the order of text
        picture(root / "subjects3" / "001" / "anger" / "take000" / f"img_{number}.jpg")
    for number in range(2):
        picture(root / "subjects3" / "002" / "session0" / "happiness" / "take001" / f"img_{number:04d}.jpg")


def test_the_middle_of_a_sequence_shows_the_expression(tmp_path: Path) -> None:
    sequences(tmp_path)
    reading = read_dataset("mug", tmp_path)
    rows = reading.manifest
    assert reading.variant == "sequences"
    assert rows["frame"].tolist() == [9, 10, 11, 0, 1], "a short sequence is taken whole"
    assert rows["expression"].tolist() == ["anger"] * 3 + ["happiness"] * 2
    assert rows["subject"].tolist() == ["001"] * 3 + ["002"] * 2
    assert rows["sequence"].nunique() == 2
    assert read_dataset("mug", tmp_path, frames=1).manifest["frame"].tolist() == [10, 0]
    with pytest.raises(UserError, match="at least 1"):
        read_dataset("mug", tmp_path, frames=0)


def test_the_owners_frames_come_first_and_the_other_part_is_counted(tmp_path: Path) -> None:
    sequences(tmp_path)
    with pytest.raises(UserError, match="MUG's sequences part alone"):
        read_dataset("mug", tmp_path, part="manual")
    rows = mug.make(tmp_path / "manual")
    reading = read_dataset("mug", tmp_path)
    assert reading.variant == "manual" and len(reading.manifest) == len(rows)
    assert reading.warnings[0].startswith("7 other pictures lie there and were left out")
    assert len(read_dataset("mug", tmp_path, part="sequences").manifest) == 5


def test_an_unknown_code_is_named(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "001_xx_001_0001.jpg")
    with pytest.raises(UserError, match="code 'xx'"):
        read_dataset("mug", tmp_path)
