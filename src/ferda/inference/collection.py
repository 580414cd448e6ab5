"""Pictures and videos in any number: judged a few at a time into one table.

Pictures are judged here or by the workers of an engine. Those of a piece go through the network together, and
pieces are the same wherever they are judged, so the table is the same, too. Videos are judged here: they are
read in order.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ferda.data.engines import Engine, must_see
from ferda.errors import UserError
from ferda.faces.images import UnreadableImage
from ferda.inference import load
from ferda.inference.camera import is_camera
from ferda.inference.face import PredictedFace
from ferda.inference.frames import VIDEOS, is_video
from ferda.inference.inputs import SUFFIXES, gathered, picture_files, readable
from ferda.inference.table import build_table, face_rows, joined_tables
from ferda.inference.video import DEFAULT, VideoOptions, video_table

if TYPE_CHECKING:
    from ferda.inference.asking import Asking

#: Gets a picture's name, its pixels and its faces.
See = Callable[[str, np.ndarray, list[PredictedFace]], None]
#: The faces of each picture that could be read, and why the others could not, by name.
Judged = tuple[dict[str, list[PredictedFace]], dict[str, str]]
#: Judges pieces of a collection, in any order.
Judges = Callable[[Sequence[tuple[list[Path]]]], Generator[Judged]]
#: Pictures of a piece.
_PIECE = 64


def judge(predictor: Asking, see: See | None, files: Sequence[Path]) -> Judged:
    """Name the expressions in the pictures of a piece.

    Args:
        predictor: Does it.
        see: Is given each readable picture.
        files: The pictures.
    """
    problems: dict[str, str] = {}
    found: dict[str, list[PredictedFace]] = {}
    for names, pictures in gathered(readable(files, problems)):
        answers = predictor.predict(pictures, names)
        found.update(zip(names, answers, strict=True))
        if see is not None:
            for answered in zip(names, pictures, answers, strict=True):
                see(*answered)
    return found, problems


def judges(engine: Engine, run: Path, **options: Any) -> Judges:
    """Return judges that work on an engine, each with a model of its own.

    Args:
        engine: Where they work.
        run: The model, at a path that all workers see.
        **options: Of `ferda.inference.load`.
    """

    def judged(pieces: Sequence[tuple[list[Path]]]) -> Generator[Judged]:
        seen = next(file for (files,) in pieces for file in files if file.exists())
        return engine(partial(_judge, run, options, seen), pieces)

    return judged


def judged_table(
    predictor: Asking,
    inputs: str | Path | Iterable[str | Path],
    progress: Callable[[int, int], None] | None = None,
    see: See | None = None,
    judges: Judges | None = None,
    video: VideoOptions = DEFAULT,
) -> pd.DataFrame:
    """Make the table of `Asking.table`, which describes the arguments."""
    asked = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    cameras = [one for one in asked if isinstance(one, str) and is_camera(one)]
    if cameras and (len(asked) > 1 or judges is not None):
        raise UserError("A camera is judged alone and in one process; leave other inputs and --workers out.")
    if cameras:
        return _video(predictor, cameras[0], video, progress)
    given = picture_files(asked, SUFFIXES | VIDEOS)
    files = [file for file in given if not is_video(file)]
    films = [str(file) for file in given if is_video(file)]
    if judges is not None and films:
        raise UserError("Videos are judged in one process; leave --workers and --engine out.")
    found, problems = _judged(predictor, files, progress, see, judges)
    of_films = _film_tables(predictor, films, progress, len(files), video)
    tables: list[pd.DataFrame] = []
    rows: list[dict[str, Any]] = []
    for name in map(str, given):
        if name in of_films:
            tables += [build_table(rows, predictor.classes), of_films[name]]
            rows = []
        else:
            rows += face_rows(name, found.get(name, []), problems.get(name))
    return joined_tables([*tables, build_table(rows, predictor.classes)], predictor.classes)


def _judged(
    predictor: Asking,
    files: list[Path],
    progress: Callable[[int, int], None] | None,
    see: See | None,
    judges: Judges | None,
) -> Judged:
    """The faces of each picture that could be read, and why the others could not."""
    pieces = [(files[start : start + _PIECE],) for start in range(0, len(files), _PIECE)]
    here = (judge(predictor, see, *piece) for piece in pieces)
    found: dict[str, list[PredictedFace]] = {}
    problems: dict[str, str] = {}
    with contextlib.closing(here if judges is None else judges(pieces)) as judged:
        for faces, unreadable in judged:
            found.update(faces)
            problems.update(unreadable)
            if progress is not None:
                progress(len(found) + len(problems), len(files))
    if judges is not None and see is not None:
        for name, picture in readable(files, {}):
            see(name, picture, found.get(name, []))
    return found, problems


def _video(
    predictor: Asking, source: str, options: VideoOptions, progress: Callable[[int, int], None] | None
) -> pd.DataFrame:
    with contextlib.ExitStack() as stack:
        see = None if options.draw is None else stack.enter_context(options.draw(source))
        return video_table(
            predictor,
            source,
            step=options.step,
            start_s=options.start_s,
            end_s=options.end_s,
            track=options.track,
            smooth_s=options.smooth_s,
            progress=progress,
            see=see,
            parts=None if options.parts is None else options.parts(source),
        )


def _film_tables(
    predictor: Asking,
    films: Sequence[str],
    progress: Callable[[int, int], None] | None,
    done: int,
    options: VideoOptions,
) -> dict[str, pd.DataFrame]:
    """The table of each video; one that cannot be read is a row that says why."""
    tables = {}
    for name in films:
        try:
            tables[name] = _video(predictor, name, options, partial(_after, progress, done))
        except UnreadableImage as problem:
            tables[name] = build_table(face_rows(name, [], problem.reason), predictor.classes)
        done += tables[name]["frame"].nunique()
    return tables


def _after(progress: Callable[[int, int], None] | None, before: int, done: int, total: int) -> None:
    if progress is not None:
        progress(before + done, before + total)


def _judge(run: Path, options: dict[str, Any], seen: Path) -> Callable[..., Judged]:
    must_see(seen)
    return partial(judge, load(run, **options), None)
