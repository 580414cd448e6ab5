"""AFE (also AFED): faces of Asian films, second source of the CD-FER benchmark, in two forms that disagree.

    list/{train,val}_list.txt                 `film/0001.jpg 10 20 110 140 3`     as CD-FER's programs read it
    images/film/0001.jpg
    annos/landmark_5/film/0001.txt            five lines `x y`, the eye that stands left first

    annos/TrainTest/{Train,Test}.csv          the same columns, blanks between them    as others read it
    src/image/film/0001.jpg

Behind the path stand left, top, right and bottom of the face, then its code. The code tables differ: 0 is
neutral in the table of eleven, anger in that of seven. A code above 6 shows that it is the former; else the
user has to know, because happiness is 1 there and 3 here and both look right.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of, with_boxes, with_points
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.rows import forward_name
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_FORMS = {
    "CD-FER's lists": (r"list/(?P<split>train|val)_list\.txt", "images"),
    "TrainTest tables": (r"annos/TrainTest/(?P<split>Train|Test)\.csv", "src/image"),
}
_SCHEMES: dict[str, dict[str, str]] = {
    "eleven": {"0": "neutral", "1": "happiness", "3": "surprise", "4": "sadness", "5": "disgust"}
    | {"6": "fear", "9": "anger"},
    "seven": {"0": "anger", "1": "disgust", "2": "fear", "3": "happiness", "4": "neutral"}
    | {"5": "sadness", "6": "surprise"},
}
_HIGHEST = {"eleven": 10, "seven": 6}


def read(root: Path, *, label_scheme: Literal["auto", "eleven", "seven"] = "auto") -> Reading:
    """Read AFE.

    Args:
        root: The folder that holds `list` and `images`, or `annos` and `src`.
        label_scheme: `eleven`: 0 neutral, 1 happiness, 3 surprise, 4 sadness, 5 disgust, 6 fear, 9 anger,
            others left out; `seven`: anger, disgust, fear, happiness, neutral, sadness, surprise from 0;
            `auto` takes eleven if a code above 6 shows it, and else asks.

    Raises:
        UserError: If this is not AFE, both forms are there, the labels do not tell the scheme, or a line is
            not as it should be.
    """
    marker = r"(?:list/(?:train|val)_list\.txt|annos/TrainTest/(?:Train|Test)\.csv)"
    files = DATASET.open(root, marker, below=("list", "annos", "images", "src"))
    forms = [form for form, (pattern, _) in _FORMS.items() if files.found(pattern)]
    if len(forms) > 1:
        raise UserError(
            f"{files.root} holds AFE in two forms, {' and '.join(forms)}; keep one of them there."
        )
    pattern, folder = _FORMS[forms[0]]
    lists = files.found(pattern).items()
    rows = pd.concat([_rows(files, name, match["split"]) for name, match in lists], ignore_index=True)
    scheme = _scheme(rows["source_label"], label_scheme, files)
    there = {
        match[1]: name for name in files.files() if (match := re.fullmatch(r"(?:.*?/)?images?/(.+)", name))
    }
    rows["file"] = [there.get(path) or f"{folder}/{path}" for path in rows["path"]]
    rows["expression"] = rows["source_label"].map(_SCHEMES[scheme])
    rows, warnings = _with_points(rows, files)
    is_none = rows["expression"].isna()
    return reading_of(
        rows[~is_none].drop(columns="path"),
        files,
        title=DATASET.title,
        variant=f"{forms[0]}, {scheme} codes",
        warnings=warnings,
        dropped=rows.loc[is_none, ["file"]].assign(reason="its code is none of the seven expressions"),
    )


def _rows(files: OwnerFiles, name: str, split: str) -> pd.DataFrame:
    """Return path, box and code of each line."""
    lines = [line.rsplit(None, 5) for line in files.lines(name)]
    for number, parts in enumerate(lines, 1):
        if len(parts) != 6 or not all(re.fullmatch(r"-?\d+(\.\d*)?", part) for part in parts[1:]):
            raise UserError(
                f"Line {number} of {files.root / name} is '{' '.join(parts)}'; it should be a path, left, "
                "top, right, bottom and a code."
            )
    rows = pd.DataFrame(
        {
            "path": [forward_name(parts[0]) for parts in lines],
            "split": split.lower(),
            "source_label": [str(int(float(parts[5]))) for parts in lines],
        }
    )
    return with_boxes(rows, np.array([parts[1:5] for parts in lines], dtype=float).reshape(-1, 4))


def _scheme(codes: pd.Series, wanted: str, files: OwnerFiles) -> str:
    numbers = codes.astype(int)
    if wanted == "auto":
        if numbers.max() <= _HIGHEST["seven"]:
            raise UserError(
                f"The codes of {files.root} go up to {numbers.max()}, which fits both of AFE's code tables: "
                "say --option label_scheme=eleven (0 is neutral, as in CD-FER's programs) or "
                "label_scheme=seven (0 is anger)."
            )
        wanted = "eleven"
    if numbers.max() > _HIGHEST[wanted] or numbers.min() < 0:
        odd = numbers.max() if numbers.min() >= 0 else numbers.min()
        raise UserError(
            f"{files.root} has the code {odd}; label_scheme={wanted} knows 0 to {_HIGHEST[wanted]}."
        )
    return wanted


def _with_points(rows: pd.DataFrame, files: OwnerFiles) -> tuple[pd.DataFrame, list[str]]:
    """Add the five points of each picture to the face whose box holds them."""
    there = {match["stem"]: name for name, match in files.found(r"landmark_5/(?P<stem>.+)\.txt").items()}
    points = np.full((len(rows), 5, 2), np.nan)
    for row, path in enumerate(rows["path"]):
        if name := there.get(path.rsplit(".", 1)[0]):
            points[row] = _five(files, name)
    middle, corner = points.mean(1), rows[["box_x", "box_y"]].to_numpy()
    side = rows[["box_w", "box_h"]].to_numpy()
    is_off = ((middle < corner) | (middle > corner + side)).any(1)
    points[is_off] = np.nan
    warning = f"{is_off.sum()} faces got no points: those of their picture lie outside of the box."
    return with_points(rows, points), [warning] * bool(is_off.any())


def _five(files: OwnerFiles, name: str) -> np.ndarray:
    try:
        return np.array(files.text(name).split(), dtype=float).reshape(5, 2)
    except ValueError:
        raise UserError(f"{files.root / name} should hold five lines 'x y' and nothing else.") from None


DATASET = Dataset(
    title="AFE",
    paper="Chen, Pu, Wu, Xie, Liu and Lin, Cross-domain facial expression recognition: a unified evaluation "
    "benchmark and adversarial graph learning, IEEE TPAMI 44(12), 2022",
    access="A faculty member signs the agreement that stands beside the CD-FER benchmark's programs, and "
    "sends it to the authors.",
    terms="research under the agreement",
    layout="""
list/{train,val}_list.txt           path left top right bottom code
images/...
annos/landmark_5/...                the path with .txt, five lines x y
or
annos/TrainTest/{Train,Test}.csv    the same columns
src/image/...
""",
    protocol="source of the CD-FER benchmark: train on train, accuracy on the target's test part; 7 classes",
    faces="box; five points beside CD-FER's lists",
    splits=("train", "val", "test"),
    codes={f"{code} (eleven)": expression for code, expression in _SCHEMES["eleven"].items()}
    | {f"{code} (seven)": expression for code, expression in _SCHEMES["seven"].items()},
    counts_note="A published program notes 32,757 rows of the training list; nothing else is known.",
    crop={"kind": "box"},
    read=read,
    traps=(
        "Two code tables are in use: happiness is 1 in one and 3 in the other.",
        "CD-FER's lists call the held-out part val, and its programs test on it; the tables call it test.",
        "Nobody published which people or films are in which part: no split by person can be made.",
    ),
)
