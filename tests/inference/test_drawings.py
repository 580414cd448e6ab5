"""Annotated pictures on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ferda.errors import UserError
from ferda.inference.drawings import Drawings
from ferda.inference.face import PredictedFace

GREY = np.full((120, 160, 3), 90, np.uint8)


def face() -> PredictedFace:
    shares = {"happiness": 0.8, "neutral": 0.2}
    return PredictedFace("a.png", 0, (40, 20, 60, 70), None, 0.99, "happiness", 0.8, shares)


def test_every_picture_gets_a_file_of_its_own(tmp_path: Path) -> None:
    draw = Drawings(tmp_path / "drawn")
    for name in ("one/a.png", "two/a.png", "b.jpeg"):
        draw(name, GREY, [face()])
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["a-2.jpg", "a.jpg", "b.jpg"]
    drawn = np.asarray(Image.open(tmp_path / "drawn" / "a.jpg"))
    assert np.ptp(drawn) > 100


def test_a_picture_without_a_face_is_kept(tmp_path: Path) -> None:
    Drawings(tmp_path)("a.png", GREY, [])
    assert (tmp_path / "a.jpg").is_file()


def test_a_file_in_the_way_is_said(tmp_path: Path) -> None:
    (tmp_path / "drawn").write_text("")
    with pytest.raises(UserError, match="drawings"):
        Drawings(tmp_path / "drawn")


@pytest.mark.parametrize("name", ["a.jpg", "a.webm"])
def test_a_drawing_never_replaces_what_was_judged(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    draw = Drawings(tmp_path / "deep" / "..")
    (tmp_path / "deep").mkdir(exist_ok=True)
    with pytest.raises(UserError, match="would take its place"):
        if name.endswith(".jpg"):
            draw(str(tmp_path / name), GREY, [face()])
        else:
            with draw.video(str(tmp_path / name)):
                pass
    assert (tmp_path / name).read_text() == "mine"
