"""Faces of a video or a camera over time: one row a face and frame, the same person under the same number.

Frames are judged a few at a time, so a video of hours needs no more memory for its pictures than one of
seconds. What the model said (`expression`, `confidence`, `p_...`) is never changed by what comes before or
after; smoothing, if it is asked for, stands in columns of its own (`smooth_...`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.errors import UserError
from ferda.inference.camera import Camera, is_camera
from ferda.inference.face import PredictedFace, most_probable
from ferda.inference.frames import Film, read_frames
from ferda.inference.smoothing import Smoother
from ferda.inference.table import build_table, face_rows, joined_tables
from ferda.inference.tracking import Tracker
from ferda.inference.video_judging import Judge, judged_pieces
from ferda.inference.video_parts import Parts, SeenFrame

__all__ = ["DEFAULT", "SeeFrame", "VideoOptions", "read_frames", "video_table"]

#: Gets a frame's number, its time, its pixels and its faces.
SeeFrame = Callable[[int, float, np.ndarray, list[PredictedFace]], None]
_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class VideoOptions:
    """How videos among other inputs are judged.

    Attributes:
        step: Every how many frames one is judged.
        start_s: From this time on, in seconds.
        end_s: Up to, and without, this time; None for all.
        track: Whether `face_id` is the same person's in all frames.
        smooth_s: Time constant in seconds of smoothed answers; 0 for none.
        draw: Opens what is shown the frames of a video, given its name, for instance `Drawings.video`.
        parts: Names the file that keeps what was judged of a video, from which a killed run goes on.
    """

    step: int = 1
    start_s: float = 0.0
    end_s: float | None = None
    track: bool = True
    smooth_s: float = 0.0
    draw: Callable[[str], contextlib.AbstractContextManager[SeeFrame]] | None = None
    parts: Callable[[str], Path] | None = None


DEFAULT = VideoOptions()


def video_table(
    predictor: Judge,
    source: str | Path,
    *,
    step: int = 1,
    start_s: float = 0.0,
    end_s: float | None = None,
    track: bool = True,
    smooth_s: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
    see: SeeFrame | None = None,
    parts: Path | None = None,
) -> pd.DataFrame:
    """Name the expressions in a video; one row a face and frame, and one for each frame without any.

    Args:
        predictor: Does it.
        source: A video file, or `camera:0`, which runs until it is interrupted.
        step: Every how many frames one is judged.
        start_s: From this time on, in seconds.
        end_s: Up to, and without, this time; None for all.
        track: Whether `face_id` is the same person's in all frames, or only counts the faces of a frame.
        smooth_s: Time constant in seconds of smoothed answers in columns of their own; 0 for none.
        progress: Is told how many frames are done, and about how many there are.
        see: Is given each frame's number, time, pixels and faces; with smoothed answers, if these are wanted.
        parts: A file that keeps what was judged, from which a killed run goes on; remove it when all is done.

    Returns:
        The prediction table of `ferda.inference.table`. If a video breaks off, a last row's `note` says
        where.

    Raises:
        UserError: If the video cannot be read, there is no such camera, or options make no sense.
    """
    if smooth_s and not track:
        raise UserError("Answers are smoothed for each face over time, which needs tracking; leave one out.")
    told = _Told(predictor, track, smooth_s)
    film = _opened(source, step, start_s, end_s)
    kept = (
        None
        if parts is None or film.is_live
        else Parts(parts, _about(predictor, source, step, start_s, end_s))
    )
    table = _Growing(predictor.classes, smooth=smooth_s > 0)
    last, done = -1, 0
    with contextlib.closing(judged_pieces(predictor, film, kept, see is not None)) as pieces, _until(film):
        for piece in pieces:
            for frame in piece:
                faces, rows = told(film.name, frame)
                table.add(rows)
                if see is not None and frame.image is not None:
                    see(frame.number, frame.time_s, frame.image, faces)
            last, done = piece[-1].number, done + len(piece)
            if progress is not None:
                progress(done, max(done, film.total))
    if not done:
        raise UserError(f"{film.name} gave no frame before it was stopped.")
    if film.broken is not None:
        table.add(face_rows(film.name, [], film.broken, frame=last + step))
    return table.whole()


class _Growing:
    """A table that grows by rows; it holds most of them as columns, which take a tenth of the room."""

    def __init__(self, classes: Sequence[str], smooth: bool) -> None:
        self._classes, self._smooth = classes, smooth
        self._tables: list[pd.DataFrame] = []
        self._rows: list[dict[str, Any]] = []

    def add(self, rows: list[dict[str, Any]]) -> None:
        self._rows += rows
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._settle()

    def whole(self) -> pd.DataFrame:
        self._settle()
        return joined_tables(self._tables, self._classes)

    def _settle(self) -> None:
        self._tables.append(build_table(self._rows, self._classes, self._smooth))
        self._rows = []


class _Told:
    """Says who the faces of a frame are, and what of them stands in the table."""

    def __init__(self, predictor: Judge, track: bool, smooth_s: float) -> None:
        self._least: float = getattr(predictor, "least", 0.0)
        self._tracker = Tracker() if track else None
        self._smoother = Smoother(smooth_s) if smooth_s else None

    def __call__(self, name: str, frame: SeenFrame) -> tuple[list[PredictedFace], list[dict[str, Any]]]:
        """The faces as they are drawn, and the rows."""
        faces = frame.faces
        if self._tracker is not None:
            boxes = np.array([face.box or (0, 0, 1, 1) for face in faces], float).reshape(-1, 4)
            ids = self._tracker(boxes, frame.looks, frame.scene, frame.time_s)
            faces = [replace(face, face_id=number) for face, number in zip(faces, ids, strict=True)]
        rows = face_rows(name, faces, frame=frame.number, time_s=frame.time_s)
        if self._smoother is None or not faces:
            return faces, rows
        calm = [self._smoothed(face, frame.time_s) for face in faces]
        return calm, [row | _smooth_values(face) for row, face in zip(rows, calm, strict=True)]

    def _smoothed(self, face: PredictedFace, time_s: float) -> PredictedFace:
        assert self._smoother is not None
        names = list(face.probabilities)
        feelings = [] if face.valence is None else [face.valence, face.arousal]
        values = self._smoother(
            face.face_id, time_s, np.array([*face.probabilities.values(), *feelings], float)
        ).tolist()
        shares = dict(zip(names, values, strict=False))
        expression, confidence = most_probable(names, np.array(values[: len(names)]), self._least)
        valence, arousal = values[len(names) :] or (None, None)
        return replace(
            face,
            expression=expression,
            confidence=confidence,
            probabilities=shares,
            valence=valence,
            arousal=arousal,
        )


def _smooth_values(face: PredictedFace) -> dict[str, Any]:
    values = {
        "expression": face.expression,
        "confidence": face.confidence,
        **{f"p_{name}": value for name, value in face.probabilities.items()},
    }
    if face.valence is not None:
        values |= {"valence": face.valence, "arousal": face.arousal}
    return {f"smooth_{name}": value for name, value in values.items()}


def _opened(source: str | Path, step: int, start_s: float, end_s: float | None) -> Film | Camera:
    if isinstance(source, str) and is_camera(source):
        return Camera(source, step, start_s, end_s)
    return Film(source, step, start_s, end_s)


def _about(predictor: Judge, source: str | Path, *range_: float | None) -> dict[str, Any]:
    """What kept pieces depend on, as far as it can be seen from here."""
    files = [Path(source).resolve()]
    if (loaded := getattr(predictor, "loaded", None)) is not None:
        files.append(Path(loaded.path).resolve())
    about = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return {"form": 1, "files": about, "classes": list(predictor.classes), "range": range_}


@contextlib.contextmanager
def _until(film: Film | Camera) -> Iterator[None]:
    """A camera has no end of its own: who interrupts it wants what there is."""
    try:
        yield
    except KeyboardInterrupt:
        if not film.is_live:
            raise
