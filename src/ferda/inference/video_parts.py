"""What was judged of a long video, kept on disk piece by piece, so that a kill costs one piece.

One line of JSON a piece, in the order of the video, behind a first line that says of what: the video, the
model, the options. Another first line, and the rest is not ours. A line that was cut off by the kill is
dropped. Numbers come back exactly as they were, so a table made of kept pieces is the table that was never
interrupted.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ferda.errors import UserError
from ferda.inference.face import PredictedFace
from ferda.inference.looks import LENGTH


@dataclass(eq=False)
class SeenFrame:
    """One frame with what a model said of its faces, before anybody asks who they are.

    Attributes:
        number: In the video.
        time_s: Seconds from its start.
        faces: What was found, `face_id` being its number in the frame.
        looks: (F, 48) uint8, how each face looks.
        scene: How the whole frame looks: (48,) and (256,) uint8.
        image: (H, W, 3) uint8 RGB; None where nobody needs it.
    """

    number: int
    time_s: float
    faces: list[PredictedFace]
    looks: np.ndarray
    scene: tuple[np.ndarray, np.ndarray]
    image: np.ndarray | None = None


class Parts:
    """The pieces of one video in one file.

    Args:
        path: The file; is made when the first piece comes.
        about: What the pieces depend on; pieces of anything else are forgotten.
    """

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self._path = path
        self._header = _line(about)
        self._end = 0

    def kept(self) -> Iterator[list[SeenFrame]]:
        """Yield the pieces of a former run, one at a time."""
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            if file.readline() != self._header:
                return
            self._end = len(self._header)
            while (line := file.readline()).endswith(b"\n"):
                yield [_frame(frame) for frame in json.loads(line)]
                self._end += len(line)

    def add(self, piece: Sequence[SeenFrame]) -> None:
        """Write a piece behind the others, for good.

        Args:
            piece: Frames, in order.

        Raises:
            UserError: If it cannot be written.
        """
        try:
            with self._path.open("r+b" if self._end else "wb") as file:
                file.truncate(self._end)
                file.seek(self._end)
                line = (b"" if self._end else self._header) + _line([_plain(frame) for frame in piece])
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise UserError(
                f"What was judged so far cannot be kept in {self._path}: {problem.strerror or problem}."
            ) from problem
        self._end += len(line)


class PartsBeside:
    """Names the file of parts of each video, hidden beside the table that is made.

    Args:
        out: The table.
        options: Of the model, as far as `Parts` cannot see them.
    """

    def __init__(self, out: Path, options: object) -> None:
        self._out = out
        self._options = options

    def __call__(self, video: str) -> Path:
        """Return the file's path; its folder is there.

        Args:
            video: The video's path.
        """
        self._out.parent.mkdir(parents=True, exist_ok=True)
        key = f"{Path(video).resolve()} {self._options}".encode("utf-8", "surrogateescape")
        return self._out.with_name(f".{self._out.name}.{hashlib.sha256(key).hexdigest()[:12]}.parts")

    def remove(self) -> None:
        """Remove all parts of this table, when it is made."""
        for file in self._out.parent.glob(f".{glob.escape(self._out.name)}.*.parts"):
            file.unlink(missing_ok=True)


def _line(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode() + b"\n"


def _plain(frame: SeenFrame) -> dict[str, Any]:
    return {
        "number": frame.number,
        "time_s": frame.time_s,
        "scene": [part.tobytes().hex() for part in frame.scene],
        "looks": [row.tobytes().hex() for row in frame.looks],
        "faces": [
            vars(face) | {"landmarks": None if face.landmarks is None else face.landmarks.tolist()}
            for face in frame.faces
        ],
    }


def _frame(raw: dict[str, Any]) -> SeenFrame:
    looks = [_bytes(text) for text in raw["looks"]]
    return SeenFrame(
        raw["number"],
        raw["time_s"],
        [_face(face) for face in raw["faces"]],
        np.stack(looks) if looks else np.zeros((0, LENGTH), np.uint8),
        (_bytes(raw["scene"][0]), _bytes(raw["scene"][1])),
    )


def _face(raw: dict[str, Any]) -> PredictedFace:
    box, points = raw["box"], raw["landmarks"]
    return PredictedFace(
        **raw
        | {
            "box": None if box is None else tuple(box),
            "landmarks": None if points is None else np.array(points, np.float32),
        }
    )


def _bytes(text: str) -> np.ndarray:
    return np.frombuffer(bytes.fromhex(text), np.uint8)
