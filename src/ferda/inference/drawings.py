"""Annotated pictures and videos on disk, one for each that was judged."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from ferda.errors import UserError
from ferda.files import FreeNames, replacing
from ferda.inference.camera import is_camera
from ferda.inference.draw import draw_faces
from ferda.inference.face import PredictedFace
from ferda.inference.video_writer import SUFFIX, VideoWriter, drawn_video


class Drawings:
    """Writes `NAME.jpg` into a folder for each picture it is given, and `NAME.webm` for each video.

    Equal names are numbered.

    Args:
        folder: Is made if it does not exist.

    Raises:
        UserError: If the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._free = FreeNames()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"Cannot make the folder {folder} for drawings: {error.strerror or error}."
            ) from error

    def __call__(self, name: str, image: np.ndarray, faces: Sequence[PredictedFace]) -> None:
        """Draw one picture.

        Args:
            name: Its path; the file name is kept.
            image: (H, W, 3) uint8 RGB.
            faces: What was found in it.

        Raises:
            UserError: If the drawing cannot be written, or would replace what was judged.
        """
        path = self._place(name, ".jpg")
        try:
            with replacing(path) as temporary:
                Image.fromarray(draw_faces(image, faces)).save(temporary, format="JPEG", quality=92)
        except OSError as error:
            raise UserError(f"Cannot write the drawing {path}: {error.strerror or error}.") from error

    @contextmanager
    def video(self, name: str) -> Iterator[VideoWriter]:
        """Give what draws the frames of a video; its file appears when the block ends well.

        Args:
            name: Its path, or a camera's name.

        Raises:
            UserError: If the drawing cannot be written, or would replace what was judged.
        """
        path = self._place(name, SUFFIX)
        try:
            with drawn_video(path) as writer:
                yield writer
        except OSError as error:
            raise UserError(f"Cannot write the drawing {path}: {error.strerror or error}.") from error

    def _place(self, name: str, suffix: str) -> Path:
        stem = re.sub(r"[^\w. -]+", "-", Path(name).stem) if is_camera(name) else Path(name).stem
        path = self.folder / f"{self._free(stem)}{suffix}"
        if path.resolve() == Path(name).resolve():
            raise UserError(f"The drawing of {name} would take its place; choose another folder.")
        return path
