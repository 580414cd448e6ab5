from __future__ import annotations

from pathlib import Path

import pytest

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures.owner import picture


def test_frames_are_in_the_order_of_their_numbers_and_heads_are_people(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        picture(tmp_path / "aia" / "aia_joy" / f"aia_joy_{number}.png")
    picture(tmp_path / "mery" / "mery_joy" / "Mery_joy_1.png")
    rows = read_dataset("ferg", tmp_path).manifest
    assert [file.rsplit("/")[-1] for file in rows["file"]] == [
        *(f"aia_joy_{number}.png" for number in (1, 2, 10)),
        "Mery_joy_1.png",
    ]
    assert rows["subject"].tolist() == ["aia"] * 3 + ["mery"]
    picture(tmp_path / "ray" / "ray_bored" / "ray_bored_1.png")
    with pytest.raises(UserError, match="code 'bored'"):
        read_dataset("ferg", tmp_path)
