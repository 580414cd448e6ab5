"""Frames have the numbers, times and colours of their video, and a broken one says where it broke."""

from __future__ import annotations

import os
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.faces.images import UnreadableImage
from ferda.inference.frames import Film, is_video, read_frames

Write = Callable[..., Path]


def counted(count: int) -> list[np.ndarray]:
    """Frames whose brightness is ten times their number."""
    return [np.full((32, 48, 3), 10 * number, np.uint8) for number in range(count)]


def seen(path: Path, *options: float | None) -> list[tuple[int, float, int]]:
    return [
        (number, round(time, 3), round(image.mean() / 10))
        for number, time, image in read_frames(path, *options)
    ]


def test_frames_have_their_numbers_and_times(film: Write) -> None:
    assert seen(film(counted(5))) == [(0, 0, 0), (1, 0.1, 1), (2, 0.2, 2), (3, 0.3, 3), (4, 0.4, 4)]


def test_a_step_counts_from_the_start_of_the_range(film: Write) -> None:
    path = film(counted(12))
    assert [row[0] for row in seen(path, 4)] == [0, 4, 8]
    assert [row[0] for row in seen(path, 4, 0.3, 1.1)] == [3, 7]
    assert [row[0] for row in seen(path, 1, 0.3, 0.5)] == [3, 4]
    assert Film(path, 4).total == 3 and Film(path, 4, 0.3, 1.1).total == 2


def test_skipped_frames_change_no_other(film: Write) -> None:
    path = film(counted(12))
    whole = list(Film(path, 2).frames())
    rest = list(Film(path, 2).frames(skip=4))
    assert [frame.number for frame in rest] == [8, 10]
    assert all((one.image == other.image).all() for one, other in zip(rest, whole[4:], strict=True))
    assert list(Film(path, 2).frames(skip=6)) == []


def test_colours_are_rgb(film: Write) -> None:
    frame = np.zeros((32, 32, 3), np.uint8)
    frame[..., 0] = 200
    (read,) = read_frames(film([frame]))
    assert (read.image == frame).all()


def test_times_are_the_frames_own(film: Write) -> None:
    """Half the frames are 20 ms apart and half 90: written into the blocks of a WebM."""
    path = film(counted(10), "film.webm")
    data = bytearray(path.read_bytes())
    times = [0, 20, 40, 60, 80, 100, 190, 280, 370, 460]
    for place, time in zip(_blocks(data, 0, len(data)), times, strict=True):
        data[place : place + 2] = time.to_bytes(2, "big")
    path.write_bytes(data)
    assert [round(1000 * time) for _, time, _ in read_frames(path)] == times


def test_a_turned_video_comes_upright(film: Write) -> None:
    frame = np.zeros((32, 64, 3), np.uint8)
    frame[:, :32] = 255
    path = film([frame] * 3, "film.mp4")
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 4 + 20 + 16
    assert struct.unpack(">9i", data[matrix : matrix + 36])[0] == 1 << 16
    quarter = (0, 1 << 16, 0, -1 << 16, 0, 0, 32 << 16, 0, 1 << 30)
    data[matrix : matrix + 36] = struct.pack(">9i", *quarter)
    path.write_bytes(data)
    first = next(read_frames(path)).image
    assert first.shape == (64, 32, 3)
    assert first[:28].mean() > 200 and first[36:].mean() < 50, (
        "a quarter to the right: what was left is above"
    )


def test_what_a_cut_off_file_holds_is_read(film: Write) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 32, 48, 3), dtype=np.uint8)
    path = film(list(noise))
    whole = Film(path)
    assert len(list(whole.frames())) == 30 and whole.broken is None
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    half = Film(path)
    frames = list(half.frames())
    assert 5 < len(frames) < 20
    assert all((frame.image == noise[frame.number]).all() for frame in frames[:-1])
    assert half.broken == f"the video breaks off at {len(frames) / 10:.2f} s, its header promises 3.00 s"
    asked = Film(path, end_s=0.4)
    assert len(list(asked.frames())) == 4 and asked.broken is None, "what was asked for was there"


def test_what_holds_no_video_says_why(film: Write, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("no video" * 99)
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(8000))
    (tmp_path / "sound.wav").rename(tmp_path / "sound.avi")
    path = film(counted(3), "cut.mp4")
    path.write_bytes(path.read_bytes()[:-200])
    reasons = {
        "gone.mp4": "no such file",
        "empty.mp4": "the file is empty",
        "text.mp4": "holds no video",
        "sound.avi": "holds no video",
        "cut.mp4": "its end is missing",
        ".": "not a file",
    }
    for name, reason in reasons.items():
        with pytest.raises(UnreadableImage, match=reason):
            next(read_frames(tmp_path / name))
    film([np.zeros((32, 32, 3), np.uint8)], "none.avi")
    header = (tmp_path / "none.avi").read_bytes()
    (tmp_path / "none.avi").write_bytes(header.replace(b"00dc", b"JUNK"))
    with pytest.raises(UnreadableImage, match=r"none\.avi: it holds no frame that can be decoded"):
        next(read_frames(tmp_path / "none.avi"))


@pytest.mark.parametrize(
    "text", ["ffconcat version 1.0\nfile other.mp4\n", "#EXTM3U\n#EXTINF:9,\nother.mp4\n#EXT-X-ENDLIST\n"]
)
def test_a_file_cannot_name_another_to_be_read(film: Write, tmp_path: Path, text: str) -> None:
    film(counted(3), "other.mp4")
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(UnreadableImage, match="holds no video"):
        read_frames(tmp_path / "list.mp4")


def test_opening_leaves_the_environment_as_it_was(film: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path, name = film(counted(3)), "OPENCV_FFMPEG_CAPTURE_OPTIONS"
    monkeypatch.delenv(name, raising=False)
    Film(path)
    assert name not in os.environ
    monkeypatch.setenv(name, "rtsp_transport;udp")
    Film(path)
    assert os.environ[name] == "rtsp_transport;udp"


def test_a_name_that_is_no_unicode_is_said(film: Write, tmp_path: Path) -> None:
    odd = tmp_path / b"caf\xe9.mkv".decode("utf-8", "surrogateescape")
    try:
        film(counted(3)).rename(odd)
    except OSError:
        pytest.skip("this file system has no such names")
    with pytest.raises(UnreadableImage, match="no UTF-8"):
        read_frames(odd)
    assert len(list(read_frames(film(counted(3), "\u00e9\u4e16.mkv")))) == 3


def test_ranges_that_hold_nothing_are_refused(film: Write) -> None:
    path = film(counted(5))
    for options, words in {
        (0,): "at least 1",
        (1, -1.0): "starts at 0 s",
        (1, float("nan")): "starts at 0 s",
        (1, 2.0, 2.0): "must be after the start",
    }.items():
        with pytest.raises(UserError, match=words):
            read_frames(path, *options)
    with pytest.raises(UnreadableImage, match=r"it ends at 0\.40 s, before the start"):
        next(read_frames(path, 1, 7.0))


def test_videos_are_known_by_their_ending() -> None:
    assert is_video("a/B.MP4") and is_video(Path("c.webm"))
    assert not is_video("a.gif") and not is_video("mp4")


def _blocks(data: bytearray, place: int, end: int) -> list[int]:
    """Where the times of a Matroska file's blocks stand: a walk through its elements."""
    found: list[int] = []
    while place < end:
        key = _length(data[place])
        name, place = bytes(data[place : place + key]), place + key
        width = _length(data[place])
        size = int.from_bytes(data[place : place + width], "big") & ((1 << 7 * width) - 1)
        place += width
        size = end - place if size == (1 << 7 * width) - 1 else size
        if name in (b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75", b"\xa0"):  # segment, cluster, group
            found += _blocks(data, place, place + size)
        elif name in (b"\xa3", b"\xa1"):
            found.append(place + _length(data[place]))
        place += size
    return found


def _length(first: int) -> int:
    """Bytes of a number of variable length, by its first."""
    return 9 - first.bit_length()
