"""Pictures in any number: judged a few at a time, here or by the workers of an engine, into one table.

The pictures of a piece go through the network together, and pieces are the same wherever they are judged, so
the table is the same, too.
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
from ferda.inference import load
from ferda.inference.face import PredictedFace
from ferda.inference.inputs import gathered, picture_files, readable
from ferda.inference.table import build_table, face_rows

if TYPE_CHECKING:
    from ferda.inference.predictor import Predictor

#: Gets a picture's name, its pixels and its faces.
See = Callable[[str, np.ndarray, list[PredictedFace]], None]
#: The faces of each picture that could be read, and why the others could not, by name.
Judged = tuple[dict[str, list[PredictedFace]], dict[str, str]]
#: Judges pieces of a collection, in any order.
Judges = Callable[[Sequence[tuple[list[Path]]]], Generator[Judged]]
#: Pictures of a piece.
_PIECE = 64


def judge(predictor: Predictor, see: See | None, files: Sequence[Path]) -> Judged:
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
    predictor: Predictor,
    inputs: str | Path | Iterable[str | Path],
    progress: Callable[[int, int], None] | None = None,
    see: See | None = None,
    judges: Judges | None = None,
) -> pd.DataFrame:
    """Make the table of `Predictor.table`, which describes the arguments."""
    files = picture_files(inputs)
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
    rows = [
        row for file in map(str, files) for row in face_rows(file, found.get(file, []), problems.get(file))
    ]
    return build_table(rows, predictor.classes)


def _judge(run: Path, options: dict[str, Any], seen: Path) -> Callable[..., Judged]:
    must_see(seen)
    return partial(judge, load(run, **options), None)
