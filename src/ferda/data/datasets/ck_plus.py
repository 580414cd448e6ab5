"""CK+: 593 sequences of 123 people from a neutral face to the peak of an expression; 327 have a label.

    cohn-kanade-images/S005/001/S005_001_00000011.png     person, sequence, frame
    Emotion/S005/001/S005_001_00000011_emotion.txt        of the last frame: `   3.0000000e+00`
    Landmarks/S005/001/S005_001_00000011_landmarks.txt    of every frame: 68 lines of x and y
    FACS/S005/001/S005_001_00000011_facs.txt              of the last frame: action unit and intensity

All four come as zip files and need not be unpacked. A label belongs to the last frame; papers give it to the
last three and take the first frame for neutral, once for each labelled sequence (1,308 pictures) or once for
each person, labelled or not (1,104; without contempt the 1,050 of cross-domain papers). Action units of the
last frame stand in the column `action_units` as `1:3 25:0`, where 0 says that nobody graded the intensity.
A copy called CK+48, faces cut out to 48 x 48 in class folders, is read as well: it keeps the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ferda.data.datasets.base import Dataset, five_of_68, reading_of, with_points
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.rows import numbers
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_NAME = r"(?P<subject>S\d{3})_(?P<sequence>\d{3})_(?P<frame>\d{8})"
_CODES = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
#: Class folders of the copy CK+48.
_FOLDERS = {"happy" if name == "happiness" else name: name for name in _CODES[1:]}
#: Person and sequence.
_Key = tuple[str, str]


def read(
    root: Path, *, frames: int = 3, neutral: Literal["sequence", "subject", "none"] = "sequence"
) -> Reading:
    """Read CK+.

    Args:
        root: The folder that holds `cohn-kanade-images` and `Emotion`, unpacked or as zip files.
        frames: How many of the last frames of a labelled sequence get its label.
        neutral: Take the first frame for neutral: of each labelled `sequence`, or of the first sequence of
            each `subject`; `none` takes no neutral face.

    Raises:
        UserError: If this is not CK+, or a label, or a file of points or action units, is damaged.
    """
    if frames < 1:
        raise UserError(f"The option frames of CK+ must be at least 1, got {frames}.")
    stem = r"S\d{3}_\d{3}_\d{8}"
    marker = rf"(?:S\d{{3}}/\d{{3}}/{stem}_emotion\.txt|(?:{'|'.join(_FOLDERS)})/{stem}\.\w+)"
    files = DATASET.open(root, marker, below=("cohn-kanade-images", "Emotion", "Landmarks", "FACS"))
    labels = _of_frames(files, "_emotion.txt")
    if not labels:
        return _cropped_copy(files)
    pictures = _of_frames(files, ".png")
    rows = pd.DataFrame(
        [*_labelled(files, pictures, labels, frames), *_neutral(pictures, labels, frames, neutral)]
    ).sort_values(["subject", "sequence", "frame"], ignore_index=True)
    rows = _with_units(files, with_points(rows, _points(files, rows)))
    rows["sequence"] = rows["subject"] + "/" + rows["sequence"]
    unlabelled = len(pictures.keys() - labels.keys())
    said = [f"{unlabelled} sequences have no label; no expression was taken from them."] if unlabelled else []
    variant = f"{frames} last frames, neutral: {neutral}"
    return reading_of(rows, files, title=DATASET.title, variant=variant, warnings=said)


def _of_frames(files: OwnerFiles, ending: str) -> dict[_Key, dict[int, str]]:
    """Return the files of one kind: person and sequence -> number of the frame -> name, all in order."""
    found: dict[_Key, dict[int, str]] = {}
    for name, match in files.found(rf"S\d{{3}}/\d{{3}}/{_NAME}{re.escape(ending)}").items():
        key = match["subject"].upper(), match["sequence"]
        found.setdefault(key, {})[int(match["frame"])] = name
    return {key: dict(sorted(found[key].items())) for key in sorted(found)}


def _row(key: _Key, frame: int, file: str | None, expression: str, code: str | None) -> dict[str, Any]:
    subject, sequence = key
    return {
        # a missing picture keeps the name it should have, so that the message can say it
        "file": file or f"{subject}/{sequence}/{subject}_{sequence}_{frame:08d}.png",
        "expression": expression,
        "subject": subject,
        "source_label": code,
        "sequence": sequence,
        "frame": frame,
    }


def _labelled(
    files: OwnerFiles,
    pictures: dict[_Key, dict[int, str]],
    labels: dict[_Key, dict[int, str]],
    frames: int,
) -> Iterator[dict[str, Any]]:
    for key, label in labels.items():
        peak = max(label)
        text = files.text(label[peak])
        code = numbers(text)
        if len(code) != 1 or code[0] not in range(len(_CODES)):
            raise UserError(f"{files.root / label[peak]} says '{text.strip()}'; CK+'s codes are 0 to 7.")
        known = pictures.get(key, {})
        for frame in sorted({*known, peak})[-frames:]:  # the peak counts even if its picture is missing
            yield _row(key, frame, known.get(frame), _CODES[int(code[0])], str(int(code[0])))


def _neutral(
    pictures: dict[_Key, dict[int, str]], labels: dict[_Key, dict[int, str]], frames: int, neutral: str
) -> Iterator[dict[str, Any]]:
    keys = [] if neutral == "none" else list(pictures)
    if neutral == "sequence":
        keys = [key for key in keys if key in labels]
    elif neutral == "subject":
        keys = list({key[0]: key for key in reversed(keys)}.values())
    for key in keys:
        first = min(pictures[key])
        if key not in labels or first not in sorted({*pictures[key], *labels[key]})[-frames:]:
            yield _row(key, first, pictures[key][first], "neutral", None)


def _points(files: OwnerFiles, rows: pd.DataFrame) -> np.ndarray:
    """Return five points of each row; (N, 5, 2)."""
    points = np.full((len(rows), 68, 2), np.nan)
    for row, name in _beside(files, rows, "_landmarks.txt"):
        found = numbers(files.text(name))
        if len(found) != 2 * 68:
            raise UserError(f"{files.root / name} does not hold 68 points.")
        points[row] = found.reshape(68, 2)
    return five_of_68(points)


def _with_units(files: OwnerFiles, rows: pd.DataFrame) -> pd.DataFrame:
    """Add the action units of each last frame, where the owner's coding is there."""
    units: dict[int, str] = {}
    for row, name in _beside(files, rows, "_facs.txt"):
        pairs = numbers(files.text(name))
        if len(pairs) % 2:
            raise UserError(f"{files.root / name} does not hold pairs of an action unit and its intensity.")
        units[row] = " ".join(f"{unit:.0f}:{strength:.0f}" for unit, strength in pairs.reshape(-1, 2))
    return rows.assign(action_units=pd.Series(units, index=rows.index, dtype=object)) if units else rows


def _beside(files: OwnerFiles, rows: pd.DataFrame, ending: str) -> Iterator[tuple[int, str]]:
    """Yield the rows that have a file of one kind, and its name."""
    found = _of_frames(files, ending)
    for row, (subject, sequence, frame) in enumerate(
        zip(rows["subject"], rows["sequence"], rows["frame"], strict=True)
    ):
        if name := found.get((subject, sequence), {}).get(frame):
            yield row, name


def _cropped_copy(files: OwnerFiles) -> Reading:
    pattern = rf"(?P<code>{'|'.join(_FOLDERS)})/{_NAME}"
    rows, warnings = rows_by_name(files, pattern, _FOLDERS, DATASET.title)
    rows["subject"], rows["frame"] = rows["subject"].str.upper(), rows["frame"].astype(int)
    rows["sequence"] = rows["subject"] + "/" + rows["sequence"]
    warnings.append("This is the copy CK+48: small faces cut out by others, no neutral one, no points.")
    return reading_of(
        rows, files, title=DATASET.title, variant="CK+48", warnings=warnings, crop={"kind": "whole"}
    )


_LAST_THREE = dict(zip(_CODES[1:], (135, 54, 177, 75, 207, 84, 249), strict=True))

DATASET = Dataset(
    title="CK+, the extended Cohn-Kanade data set",
    paper="Lucey, Cohn, Kanade, Saragih, Ambadar and Matthews, The extended Cohn-Kanade dataset (CK+), CVPR "
    "workshops 2010",
    access="An agreement signed by a member of a faculty; see jeffcohn.net.",
    terms="research under the agreement; pictures of a few listed people alone may be printed",
    layout="""
extended-cohn-kanade-images.zip  or  cohn-kanade-images/S005/001/S005_001_00000011.png ...
Emotion_labels.zip               or  Emotion/S005/001/S005_001_00000011_emotion.txt ...
Landmarks.zip                    or  Landmarks/...      (may be absent)
FACS_labels.zip                  or  FACS/...           (may be absent)
or the copy CK+48:
{anger,contempt,disgust,fear,happy,sadness,surprise}/S010_004_00000017.png ...
""",
    protocol="three last frames and the first one of each labelled sequence, 10 folds by person in the order "
    "of their numbers, mean accuracy; 6, 7 or 8 classes",
    subjects="folders (123 people, of whom 118 have a labelled sequence)",
    faces="68 points of every frame, of which ferda takes five",
    codes={str(code): expression for code, expression in enumerate(_CODES)},
    counts={
        "3 last frames, neutral: sequence": {"": _LAST_THREE | {"neutral": 327}},
        "3 last frames, neutral: subject": {"": _LAST_THREE | {"neutral": 123}},
        "3 last frames, neutral: none": {"": _LAST_THREE},
        "CK+48": {"": _LAST_THREE},
    },
    counts_note="Certain but for contempt, whose 18 sequences are common knowledge and fit the total, 327.",
    read=read,
    traps=(
        "Frames of one sequence look alike: split at random, they are in training and test at once.",
        "The first frame of every sequence folder is 593 neutral faces of 123 people.",
        "Code 2 is contempt, not disgust: orders without contempt shift all that follow.",
        "A time stamp is burnt into the lower edge of the pictures.",
    ),
)
