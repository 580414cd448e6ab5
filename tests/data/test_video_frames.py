from __future__ import annotations

import io
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from ferda.data.readers.source import FolderSource
from ferda.data.video_frames import WithVideoFrames, frame_names
from ferda.errors import UserError


def film(path: Path, frames: int = 8) -> None:
    """Frame n, from 1, is red of brightness 20 n."""
    path.parent.mkdir(parents=True, exist_ok=True)
    out = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))  # type: ignore[attr-defined]
    for number in range(1, frames + 1):
        picture = np.zeros((24, 32, 3), np.uint8)
        picture[..., 2] = 20 * number
        out.write(picture)
    out.release()


def test_frames_are_named_and_read_one_by_one(tmp_path: Path) -> None:
    film(tmp_path / "1" / "a.avi")
    names = frame_names(tmp_path, "1/a.avi")
    assert names[0] == "1/a.avi/00001.png" and len(names) == 8
    images = pickle.loads(pickle.dumps(WithVideoFrames(FolderSource(tmp_path), names)))
    for number in (7, 1):
        pixels = np.asarray(Image.open(io.BytesIO(images.read(names[number - 1]))))
        assert pixels.shape == (24, 32, 3)
        assert pixels[12, 16, 0] == pytest.approx(20 * number, abs=6), "red comes first"
        assert pixels[12, 16, 2] < 10


def test_pictures_beside_stay_what_they_are(tmp_path: Path) -> None:
    film(tmp_path / "a.avi")
    (tmp_path / "b.png").write_bytes(b"bytes")
    images = WithVideoFrames(FolderSource(tmp_path), ["a.avi/00002.png"])
    assert images.root == tmp_path
    assert images.files() == ["a.avi/00002.png", "b.png"]
    assert images.read("b.png") == b"bytes"
    before = images.stamps()
    assert [line.split("\t")[0] for line in before] == images.files()
    film(tmp_path / "a.avi", frames=9)
    assert [new != old for new, old in zip(images.stamps(), before, strict=True)] == [True, False]


def test_what_is_no_frame_is_refused(tmp_path: Path) -> None:
    film(tmp_path / "a.avi", frames=3)
    (tmp_path / "broken.avi").write_bytes(b"RIFF")
    assert frame_names(tmp_path, "broken.avi") == []
    images = WithVideoFrames(FolderSource(tmp_path), ["a.avi/00004.png"])
    with pytest.raises(OSError, match=r"a.avi holds no frame 4"):
        images.read("a.avi/00004.png")
    with pytest.raises(UserError, match="leaves the folder"):
        images.read("../a.avi/00001.png")


def test_a_video_cannot_name_another_to_be_read(tmp_path: Path) -> None:
    film(tmp_path / "other.avi")
    (tmp_path / "list.avi").write_text("ffconcat version 1.0\nfile other.avi\n")
    assert frame_names(tmp_path, "list.avi") == []
    with pytest.raises(OSError, match="holds no video"):
        WithVideoFrames(FolderSource(tmp_path), ["list.avi/00001.png"]).read("list.avi/00001.png")
