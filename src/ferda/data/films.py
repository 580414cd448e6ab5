"""Opening videos that somebody else made: a file can neither name another nor end the process."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2

from ferda.faces.images import MOST_PIXELS, UnreadableImage

#: What FFmpeg may take a file for. Lists that name other files or addresses are missing on purpose: whoever
#: sends a video shall not choose what else is read.
_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpeg,mpegts,mpegvideo,asf,flv,ogg,h264,hevc,m4v,ivf,obu"
_OPTIONS, _ENVIRONMENT = "OPENCV_FFMPEG_CAPTURE_OPTIONS", threading.Lock()


@contextmanager
def quiet(options: str | None = None) -> Iterator[None]:
    """Keep the decoder's own words off the screen while it opens something; ours are enough.

    Args:
        options: How FFmpeg opens it, in OpenCV's form; None for the defaults.
    """
    with _ENVIRONMENT:
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        level, before = cv2.utils.logging.getLogLevel(), os.environ.get(_OPTIONS)
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
        if options is not None:
            os.environ[_OPTIONS] = options
        try:
            yield
        finally:
            cv2.utils.logging.setLogLevel(level)
            if options is not None:
                os.environ.pop(_OPTIONS)
                os.environ.update({} if before is None else {_OPTIONS: before})


def open_film(path: Path) -> cv2.VideoCapture:
    """Open a video file, and nothing that it names.

    Args:
        path: The file.

    Raises:
        UnreadableImage: If it is no video that can be decoded, or its frames are too large.
    """
    name = str(path)
    if not path.is_file():
        raise UnreadableImage("it is not a file" if path.exists() else "there is no such file", name)
    if not path.stat().st_size:
        raise UnreadableImage("the file is empty", name)
    if name != name.encode("utf-8", "replace").decode():  # OpenCV would end the whole process
        raise UnreadableImage("its name is no UTF-8; rename it", name)
    with quiet(f"format_whitelist;{_FORMATS}"):
        film = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
    if not film.isOpened():
        raise UnreadableImage("it holds no video that can be decoded, or its end is missing", name)
    pixels = film.get(cv2.CAP_PROP_FRAME_WIDTH) * film.get(cv2.CAP_PROP_FRAME_HEIGHT)
    if pixels > MOST_PIXELS:
        film.release()
        raise UnreadableImage(f"its frames have {pixels:.0f} pixels, too many", name)
    return film
