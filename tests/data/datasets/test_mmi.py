from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ferda.data.datasets import read_dataset
from ferda.errors import UserError

from .miniatures import mmi
from .miniatures.mmi import session
from .miniatures.owner import pack_up, picture, text


def film(path: Path, frames: int) -> None:
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))  # type: ignore[attr-defined]
    for number in range(frames):
        out.write(np.full((24, 32, 3), 10 * number, np.uint8))
    out.release()


def test_sessions_that_are_left_out_are_listed_with_the_reason(tmp_path: Path) -> None:
    mmi.make(tmp_path)
    text(session(tmp_path, 204, "S001-024", 3) / "more.xml", '<a><Metatag Name="Emotion" Value="2"/></a>')
    text(session(tmp_path, 205, "S001-025", 3) / "S001-025.xml", "<a>")
    unusable = read_dataset("mmi", tmp_path).unusable
    reasons = dict(zip(unusable["file"], unusable["reason"], strict=True))
    assert reasons["Sessions/200"] == "emotion 7 is none of the six"
    assert reasons["Sessions/201"] == "no emotion"
    assert reasons["Sessions/202/S001-022.jpg"] == "a face from the side"
    assert reasons["Sessions/203"] == "neither film nor picture"
    assert reasons["Sessions/204"] == "more than one emotion"
    assert reasons["Sessions/205"].startswith("S001-025.xml is no XML")


def test_a_film_gives_its_first_and_its_middle_frames(tmp_path: Path) -> None:
    film(session(tmp_path, 1, "S002-001", 4) / "S002-001.avi", 9)
    reading = read_dataset("mmi", tmp_path)
    rows = reading.manifest
    assert rows["frame"].tolist() == [1, 4, 5, 6]
    assert rows["expression"].tolist() == ["neutral"] + ["happiness"] * 3
    assert rows["file"][1] == "Sessions/1/S002-001.avi/00004.png"
    pictures = [Image.open(io.BytesIO(reading.images.read(file))) for file in rows["file"]]
    shades = [float(np.asarray(picture).mean()) for picture in pictures]
    assert shades == pytest.approx([0, 30, 40, 50], abs=4)


@pytest.mark.parametrize(
    ("apex", "frames"), [((7, 9), [1, 7, 8, 9]), ((1,), [1, 2, 3, 4]), ((40,), [1, 9, 10, 11])]
)
def test_the_apex_of_the_muscles_is_the_peak(
    tmp_path: Path, apex: tuple[int, ...], frames: list[int]
) -> None:
    folder = session(tmp_path, 1, "S002-001", 4)
    marks = "".join(
        f'<Marker Frame="{frame}" Type="apex"/><Marker Frame="2" Type="onset"/>' for frame in apex
    )
    text(folder / "S002-001-oao_aucs.xml", f'<a><ActionUnit Number="12">{marks}</ActionUnit></a>')
    for frame in range(1, 12):
        picture(folder / f"S002-001_{frame:04d}.png")
    assert read_dataset("mmi", tmp_path).manifest["frame"].tolist() == frames


def test_people_are_known_by_one_of_two_names_throughout(tmp_path: Path) -> None:
    picture(session(tmp_path, 1, "S002-001", 4) / "S002-001.jpg")
    folder = session(tmp_path, 2, "S002-002", 1)
    picture(folder / "S002-002.jpg")
    assert read_dataset("mmi", tmp_path).manifest["subject"].tolist() == ["2", "2"]
    text(folder / "session.xml", "<session/>")
    rows = read_dataset("mmi", tmp_path).manifest
    assert rows["subject"].tolist() == ["S002", "S002"]
    assert rows["view"].tolist() == ["frontal", None]


def test_of_two_films_the_one_from_the_side_is_left_out(tmp_path: Path) -> None:
    folder = session(tmp_path, 1, "S002-001", 4, about='<track view="1" filename="S002-002.avi"/>')
    for name in ("S002-001", "S002-002"):
        for frame in range(6):
            picture(folder / name / f"{frame}.png")
    reading = read_dataset("mmi", tmp_path)
    rows, left_out = reading.manifest["file"], reading.unusable["file"]
    assert len(rows) == 4 and rows.str.startswith("Sessions/1/S002-001/").all()
    assert len(left_out) == 4 and left_out.str.startswith("Sessions/1/S002-002/").all()


def test_films_in_an_archive_have_to_be_unpacked(tmp_path: Path) -> None:
    film(session(tmp_path / "mmi", 1, "S002-001", 4) / "S002-001.avi", 5)
    pack_up(tmp_path / "mmi", tmp_path / "mmi.zip")
    with pytest.raises(UserError, match="unpack it"):
        read_dataset("mmi", tmp_path / "mmi.zip")


def test_nothing_of_the_six_is_an_error(tmp_path: Path) -> None:
    picture(session(tmp_path, 1, "S002-001", 7) / "S002-001.jpg")
    with pytest.raises(UserError, match="shows one of the six"):
        read_dataset("mmi", tmp_path)
