"""The manifest: one row a picture (or a face in it), the same columns whatever the data set was.

A manifest never stores a class as a number. `expression` is a name of `ferda.expressions` or missing,
`source_label` keeps what the owner wrote, and `note` says why a row is odd. Boxes and landmarks are pixels of
the original picture; `right_eye` is the eye on the subject's own right. Columns beyond the known ones (a
rater, a camera) are carried along and can be used to group results.

On disk it is Parquet, or CSV where the name ends so. Reading checks every row and
reports all bad ones at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.errors import UserError
from ferda.expressions import EXPRESSIONS
from ferda.files import replacing
from ferda.landmarks import FIVE_POINTS

SPLITS: tuple[str, ...] = ("train", "val", "test")
BOX: tuple[str, ...] = ("box_x", "box_y", "box_w", "box_h")
#: Ten columns, x and y of each point in the order of `ferda.landmarks.FIVE_POINTS`.
LANDMARKS: tuple[str, ...] = tuple(f"{point}_{axis}" for point in FIVE_POINTS for axis in "xy")
#: What every manifest has, in this order.
COLUMNS: tuple[str, ...] = (
    *("file", "expression", "split", "subject"),
    *BOX,
    *LANDMARKS,
    *("source_label", "note", "sha256"),
)
VOTES = "votes_"

_TEXT = ("file", "expression", "split", "subject", "source_label", "note", "sha256")
_NUMBERS = (*BOX, *LANDMARKS)
_OPTIONAL_NUMBERS = ("valence", "arousal")


def vote_columns(frame: pd.DataFrame) -> list[str]:
    """Return the names of the `votes_...` columns, in the order of the frame."""
    return [str(column) for column in frame.columns if str(column).startswith(VOTES)]


def complete_manifest(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with every column of `COLUMNS`, missing text as None and missing numbers as NaN.

    Args:
        frame: At least the column `file`; further columns are kept after the known ones.

    Raises:
        UserError: If `file` is missing, or a column of numbers holds something else.
    """
    if "file" not in frame.columns:
        raise UserError(f"A manifest needs the column 'file'; this one has {', '.join(map(str, frame))}.")
    columns: dict[str, pd.Series] = {}
    for name in COLUMNS:
        given = frame[name] if name in frame.columns else pd.Series([None] * len(frame), index=frame.index)
        columns[name] = _text(given) if name in _TEXT else _numbers(given, name)
    for name in map(str, frame.columns):
        if name not in COLUMNS:
            is_number = name.startswith(VOTES) or name in _OPTIONAL_NUMBERS
            columns[name] = _numbers(frame[name], name) if is_number else _tidy(frame[name])
    return pd.DataFrame(columns).reset_index(drop=True)


def check_manifest(frame: pd.DataFrame, where: str = "The manifest") -> None:
    """Raise one `UserError` that names every bad row, unless all rows keep the manifest's promises.

    Args:
        frame: A manifest as `complete_manifest` returns it.
        where: How the message calls it, for instance its path.

    Raises:
        UserError: With each problem and the numbers of its rows, counted from 0.
    """
    if absent := [column for column in COLUMNS if column not in frame.columns]:
        raise UserError(f"{where} lacks the columns {', '.join(absent)}; make it with `complete_manifest`.")
    problems: dict[str, list[int]] = {}
    for row, file in enumerate(frame["file"]):
        if problem := file_problem(file):
            problems.setdefault(f"{problem}", []).append(row)
    _collect(problems, frame["expression"], EXPRESSIONS, "is no expression")
    _collect(problems, frame["split"], SPLITS, "is no split (train, val, test)")
    sha = frame["sha256"]
    _mark(problems, "sha256 is not 64 hexadecimal digits", sha.map(_is_bad_sha).to_numpy(dtype=bool))
    box = frame[list(BOX)].to_numpy(dtype=float)
    some = np.isfinite(box).any(1)
    whole = np.isfinite(box).all(1) & (box[:, 2:] > 0).all(1)
    _mark(problems, "box is incomplete or has no area", some & ~whole)
    points = frame[list(LANDMARKS)].to_numpy(dtype=float)
    finite = np.isfinite(points)
    _mark(problems, "landmarks are incomplete", finite.any(1) & ~finite.all(1))
    if votes := vote_columns(frame):
        _mark(problems, "votes are negative", (frame[votes].to_numpy(dtype=float) < 0).any(1))
    same = frame.duplicated(subset=["file", *BOX, *LANDMARKS], keep="first").to_numpy(dtype=bool)
    _mark(problems, "the same picture (and face) comes twice", same)
    if problems:
        listed = "; ".join(f"{problem} in {_rows(rows)}" for problem, rows in problems.items())
        raise UserError(f"{where} has bad rows: {listed}. Correct them, counting rows from 0.")


def read_manifest(path: Path | str) -> pd.DataFrame:
    """Read and check a manifest.

    Args:
        path: A `.parquet` or `.csv` file.

    Raises:
        UserError: If the file cannot be read or rows are bad; the message names them all.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no manifest at {path}.")
    try:
        if path.suffix.lower() == ".csv":
            frame = pd.read_csv(path, dtype=dict.fromkeys(_TEXT, str), keep_default_na=False, na_values=[""])
        else:
            frame = pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read as a manifest: {error}.") from error
    frame = complete_manifest(frame)
    check_manifest(frame, str(path))
    return frame


def write_manifest(frame: pd.DataFrame, path: Path | str) -> None:
    """Write a manifest at once or not at all.

    Args:
        frame: Checked first.
        path: Ends in `.csv` for CSV; Parquet otherwise.

    Raises:
        UserError: If rows are bad.
    """
    path = Path(path)
    frame = complete_manifest(frame)
    check_manifest(frame)
    is_csv = path.suffix.lower() == ".csv"
    write = frame.to_csv if is_csv else frame.to_parquet
    with replacing(path) as temporary:
        write(temporary, index=False)


def file_problem(file: object) -> str | None:
    """Say why a name cannot be a picture below a root, or None if it can.

    Args:
        file: Should be a relative path with forward slashes that never climbs with `..`.
    """
    if not isinstance(file, str) or not file.strip():
        return "no file name"
    leaves = file.startswith("/") or "\\" in file or "\0" in file or file[1:2] == ":"
    leaves = leaves or (".." in file and ".." in file.split("/"))
    if leaves:
        return f"'{file}' leaves the folder"
    return None if file.isascii() or _is_utf8(file) else f"{file!a} is not UTF-8"


def name_list(names: Sequence[str], most: int = 10) -> str:
    """Return `a, b, c and 7 more`: the first names and how many were left off."""
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + rest


def _is_utf8(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:  # a name in an old encoding, as the file system handed it over
        return False
    return True


def _text(column: pd.Series) -> pd.Series:
    values = [
        None if missing else str(value) or None for value, missing in zip(column, column.isna(), strict=True)
    ]
    return pd.Series(values, index=column.index, dtype=object)


def _tidy(column: pd.Series) -> pd.Series:
    is_text = pd.api.types.is_string_dtype(column) or pd.api.types.is_object_dtype(column)
    return _text(column) if is_text else column


def _numbers(column: pd.Series, name: str) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    if bad := np.flatnonzero(numbers.isna() & column.notna()).tolist():
        value = column.iloc[bad[0]]
        raise UserError(f"Column '{name}' holds '{value}' where a number belongs, in {_rows(bad)} (from 0).")
    return numbers


def _is_bad_sha(value: str | None) -> bool:
    return value is not None and re.fullmatch(r"[0-9a-f]{64}", value) is None


def _collect(problems: dict[str, list[int]], column: pd.Series, known: tuple[str, ...], what: str) -> None:
    for row in np.flatnonzero(column.notna() & ~column.isin(known)).tolist():
        problems.setdefault(f"{column.name} '{column.iloc[row]}' {what}", []).append(row)


def _mark(problems: dict[str, list[int]], problem: str, is_bad: Any) -> None:
    if is_bad.any():
        problems[problem] = np.flatnonzero(is_bad).tolist()


def _rows(rows: list[int]) -> str:
    return f"row{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows))}"
