"""A camera gives its newest frame, keeps no queue, and lets go when nobody looks any more."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.inference.camera import Camera, is_camera

WAIT_S = 30.0


class Fake:
    """Gives frames whose blue is their number, as many as are allowed."""

    def __init__(self, count: int, allowed: int | None = None) -> None:
        self.count, self.allowed, self.asked = count, count if allowed is None else allowed, 0
        self.changed, self.released = threading.Condition(), threading.Event()

    def isOpened(self) -> bool:
        return self.count > 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
            assert self.changed.wait_for(
                lambda: self.asked <= self.allowed or self.allowed == self.count, WAIT_S
            )
        if self.asked > self.count:
            return False, None
        frame = np.zeros((4, 6, 3), np.uint8)
        frame[..., 0] = (self.asked - 1) % 256
        return True, frame

    def allow(self, allowed: int) -> None:
        """Let so many frames come, and wait until all of them have been handed on."""
        with self.changed:
            self.allowed = allowed
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: self.asked > allowed, WAIT_S)

    def release(self) -> None:
        self.released.set()


def opened(fake: Fake, **options: float) -> Camera:
    return Camera("camera:0", open_camera=lambda _: fake, **options)  # type: ignore[arg-type]


def test_who_is_slow_gets_the_newest_frame() -> None:
    fake = Fake(count=9, allowed=1)
    camera = opened(fake)
    frames = camera.frames()
    assert not fake.asked, "nothing is read before somebody looks"
    first = next(frames)
    fake.allow(6)  # five more came while the first was judged
    second = next(frames)
    assert (first.number, second.number) == (0, 5)
    assert (second.image == (0, 0, 5)).all(), "blue is the last colour now"
    assert second.time_s >= first.time_s == 0
    fake.allow(9)
    assert [frame.number for frame in frames] == [8]
    assert camera.broken == "the camera stopped by itself"
    assert fake.released.wait(WAIT_S)


def test_a_step_leaves_frames_out() -> None:
    for count, wanted in ((8, []), (25, [24])):
        fake = Fake(count, allowed=1)
        frames = opened(fake, step=10).frames()
        assert next(frames).number == 0
        fake.allow(count)
        assert [frame.number for frame in frames] == wanted
        assert fake.released.wait(WAIT_S)


def test_who_stops_looking_frees_the_camera() -> None:
    fake = Fake(count=10**9)
    frames = opened(fake).frames()
    next(frames)
    frames.close()
    assert fake.released.wait(WAIT_S)


def test_the_end_ends_it() -> None:
    fake = Fake(count=10**9)
    camera = opened(fake, end_s=0.05)
    assert all(frame.time_s < 0.05 for frame in camera.frames())
    assert camera.broken is None and fake.released.wait(WAIT_S)


def test_a_video_stands_in_for_a_camera_in_the_network(tmp_path: Path, film: object) -> None:
    path = film([np.zeros((32, 32, 3), np.uint8)] * 3)  # type: ignore[operator]
    camera = Camera(f"camera:{path}")
    assert [frame.image.shape for frame in camera.frames()][-1] == (32, 32, 3)


def test_names_and_no_camera() -> None:
    assert is_camera("camera:0") and not is_camera("0") and not is_camera(Path("camera:0"))
    with pytest.raises(UserError, match="There is no camera at 'camera:77', or another program uses it"):
        Camera("camera:77")
    fake = Fake(0)
    with pytest.raises(UserError, match="camera:rtsp://host/1") as caught:
        Camera("camera:rtsp://me:secret@host/1", open_camera=lambda _: fake)  # type: ignore[arg-type, return-value]
    assert "secret" not in str(caught.value)
    with pytest.raises(UserError, match="at least 1"):
        Camera("camera:0", step=0)
