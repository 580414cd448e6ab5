"""The prediction table: one row a face, the same columns for pictures, folders and videos.

    input, frame, time_s, face_id, box_x .. box_h, right_eye_x .. left_mouth_y, detection_score,
    expression, confidence, p_<expression> ..., valence, arousal, smooth_..., note

Boxes and landmarks are in pixels of the picture. Valence and arousal, from -1 to 1, are there if the model
said them of any face. Answers that were smoothed over time repeat the columns from `expression` on with
`smooth_` before their names; those without it are what the model said of that frame alone. A picture (or
frame) without a face is a row with empty values, so that counting rows never flatters. A picture that cannot
be read is such a row too, its `note` says why, and `write_table` lists it once more in
`<table>.unusable.csv`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ferda.data.affect import AFFECT
from ferda.data.manifest import BOX, LANDMARKS
from ferda.errors import UserError
from ferda.files import replacing

if TYPE_CHECKING:
    from ferda.inference.face import PredictedFace

NO_FACE = "no face found"
WHOLE = "whole picture"
UNREADABLE = "unreadable: "
#: Before the names of columns that hold answers smoothed over time.
SMOOTH = "smooth_"
_SUFFIXES = (".csv", ".parquet", ".jsonl")
_TYPES: dict[str, Any] = {
    "frame": "Int64",
    "face_id": "Int64",
    "input": object,
    "expression": object,
    f"{SMOOTH}expression": object,
    "note": object,
}


def columns(classes: Sequence[str], affect: bool = False, smooth: bool = False) -> list[str]:
    """Names of the table's columns, in order.

    Args:
        classes: The model's.
        affect: Whether valence and arousal are among them.
        smooth: Whether smoothed answers are.
    """
    said = [
        *("expression", "confidence"),
        *(f"p_{name}" for name in classes),
        *(AFFECT if affect else ()),
    ]
    return [
        *("input", "frame", "time_s", "face_id"),
        *BOX,
        *LANDMARKS,
        "detection_score",
        *said,
        *(f"{SMOOTH}{name}" for name in said if smooth),
        "note",
    ]


def face_rows(
    name: str,
    faces: Sequence[PredictedFace],
    problem: str | None = None,
    *,
    frame: int | None = None,
    time_s: float | None = None,
) -> list[dict[str, Any]]:
    """Return the rows of one picture or frame; never none.

    Args:
        name: The picture's or the video's path.
        faces: What was found in it.
        problem: Why it could not be read, if so.
        frame: Number of the frame in a video.
        time_s: Its time in seconds.
    """
    # A name that is no UTF-8 (old archives have them) would break every file format at the end.
    start = {
        "input": name.encode("utf-8", "backslashreplace").decode("utf-8"),
        "frame": frame,
        "time_s": time_s,
    }
    if problem is not None or not faces:
        return [{**start, "note": NO_FACE if problem is None else UNREADABLE + problem}]
    return [{**start, **_face_values(face)} for face in faces]


def build_table(rows: Iterable[dict[str, Any]], classes: Sequence[str], smooth: bool = False) -> pd.DataFrame:
    """Make the table, with the same types whatever is empty.

    Args:
        rows: What `face_rows` gave.
        classes: The model's.
        smooth: Whether smoothed answers have columns even if no row has any.
    """
    rows = list(rows)
    given = {name for row in rows for name in row} | ({f"{SMOOTH}confidence"} if smooth else set())
    return _typed(pd.DataFrame(rows, columns=_columns_of(given, classes)))


def joined_tables(tables: Sequence[pd.DataFrame], classes: Sequence[str]) -> pd.DataFrame:
    """Put tables one below another; what only some of them have is empty in the others.

    Args:
        tables: Prediction tables.
        classes: The model's.
    """
    names = _columns_of({name for table in tables for name in table.columns}, classes)
    return _typed(pd.concat([_typed(table.reindex(columns=names)) for table in tables], ignore_index=True))


def unusable(table: pd.DataFrame) -> pd.DataFrame:
    """Return the pictures that could not be read: columns `file` and `reason`.

    Args:
        table: A prediction table.
    """
    notes = table["note"].fillna("").astype(str)
    rows = notes.str.startswith(UNREADABLE)
    reasons = notes[rows].str.removeprefix(UNREADABLE)
    return pd.DataFrame({"file": table.loc[rows, "input"], "reason": reasons}).reset_index(drop=True)


def check_name(path: Path) -> None:
    """Refuse a name that `write_table` cannot write to, before hours are spent on what it should hold.

    Args:
        path: Where a table shall be.

    Raises:
        UserError: If the suffix is unknown.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UserError(f"A table's name ends in {', '.join(_SUFFIXES)}; '{path.name}' does not.")


def write_table(table: pd.DataFrame, path: str | Path) -> Path | None:
    """Write a table as CSV, Parquet or JSON Lines, whole or not at all.

    Args:
        table: A prediction table.
        path: Ends in `.csv`, `.parquet` or `.jsonl`.

    Returns:
        The file that lists unreadable pictures, `<table>.unusable.csv`; None if there were none.

    Raises:
        UserError: If the suffix is unknown or the place cannot be written.
    """
    path = Path(path)
    check_name(path)
    writers: dict[str, Callable[[Path], object]] = {
        ".csv": lambda file: table.to_csv(file, index=False, float_format="%.6g"),
        ".parquet": lambda file: table.to_parquet(file, index=False),
        ".jsonl": lambda file: table.to_json(file, orient="records", lines=True, force_ascii=False),
    }
    bad = unusable(table)
    listed = path.with_suffix(".unusable.csv")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            writers[path.suffix.lower()](temporary)
        if bad.empty:
            listed.unlink(missing_ok=True)  # of a former run, where something was unreadable
            return None
        with replacing(listed) as temporary:
            bad.to_csv(temporary, index=False)
    except OSError as problem:
        raise UserError(f"The table {path} cannot be written: {problem.strerror or problem}.") from problem
    return listed


def _columns_of(given: Collection[str], classes: Sequence[str]) -> list[str]:
    return columns(classes, AFFECT[0] in given, f"{SMOOTH}confidence" in given)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    """The table with the types that its columns have whatever is empty; empty text is None, never NaN."""
    table = table.astype({name: _TYPES.get(name, "float64") for name in table.columns})
    for name in ("expression", f"{SMOOTH}expression", "note"):
        if name in table:
            table[name] = table[name].where(table[name].notna(), None)
    return table


def _face_values(face: PredictedFace) -> dict[str, Any]:
    box = (np.nan,) * 4 if face.box is None else face.box
    points = np.full((5, 2), np.nan) if face.landmarks is None else face.landmarks
    return {
        "face_id": face.face_id,
        **dict(zip(BOX, box, strict=True)),
        **dict(zip(LANDMARKS, points.reshape(-1).tolist(), strict=True)),
        "detection_score": face.detection_score,
        "expression": face.expression,
        "confidence": face.confidence,
        **{f"p_{name}": value for name, value in face.probabilities.items()},
        **({} if face.valence is None else dict(zip(AFFECT, (face.valence, face.arousal), strict=True))),
        "note": WHOLE if face.box is None else None,
    }
