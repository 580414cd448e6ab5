"""Annotated videos: of one size, at the speed of life, and there only when they are whole."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from ferda.inference.drawings import Drawings
from ferda.inference.face import PredictedFace
from ferda.inference.frames import Film


def face(box: tuple[float, float, float, float]) -> PredictedFace:
    return PredictedFace("a", 7, box, None, 0.9, "anger", 0.8, {"anger": 0.8, "neutral": 0.2})


def written(folder: Path, times: list[float], shape: tuple[int, int] = (400, 480)) -> list[tuple[float, int]]:
    """Times and shades of the frames of a drawn video, whose frames are shaded by their number."""
    with Drawings(folder).video("camera:0") as see:
        for number, time in enumerate(times):
            see(number, time, np.full((*shape, 3), 40 * number, np.uint8), [])
    return [
        (round(time, 2), round(image.mean() / 40))
        for _, time, image in Film(folder / "camera-0.webm").frames()
    ]


def test_frames_are_shown_as_long_as_they_lasted(tmp_path: Path) -> None:
    """A tenth of a second apart, then three tenths: the third is shown thrice. The first time is the zero."""
    shown = written(tmp_path, [5.0, 5.1, 5.2, 5.5])
    assert shown == [(0, 0), (0.1, 1), (0.2, 2), (0.3, 2), (0.4, 2), (0.5, 3)]


def test_one_frame_is_a_video_too(tmp_path: Path) -> None:
    assert written(tmp_path, [3.0]) == [(0, 0)]


def test_words_and_boxes_are_drawn_and_the_size_stays(tmp_path: Path) -> None:
    boxes = [(100.0, 100.0, 150.0, 150.0), (2.0, 2.0, 470.0, 390.0)]  # the second leaves no room for words
    with Drawings(tmp_path).video("a.mp4") as see:
        for number, box in enumerate(boxes):
            see(number, number / 10, np.full((400, 480, 3), 90, np.uint8), [face(box)])
        see(2, 0.2, np.full((200, 240, 3), 90, np.uint8), [])  # and a size that changes is brought back
    frames = [frame.image for frame in Film(tmp_path / "a.webm").frames()]
    assert {frame.shape for frame in frames} == {(400, 480, 3)} and len(frames) == 3
    for frame in frames[:2]:
        assert frame.max() > 200 and (frame.min(2) < 50).mean() > 0.003, "bright words on a dark plate"
    assert abs(int(frames[2].max()) - 90) < 20


def test_no_half_a_video_is_left(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Drawings(tmp_path).video("a.mp4") as see:
        see(0, 0.0, np.zeros((400, 480, 3), np.uint8), [])
        see(1, 0.1, np.zeros((400, 480, 3), np.uint8), [])
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_opencv_keeps_quiet(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    written(tmp_path, [0.0, 0.1])
    assert capfd.readouterr().err == ""
    assert cv2.utils.logging.getLogLevel() != cv2.utils.logging.LOG_LEVEL_SILENT
