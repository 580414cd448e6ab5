"""ExpW: faces of pictures from the web, found by a detector, in seven classes; several faces in one picture.

    image/origin/angry_asian_330.jpg     the first word is what was searched for, not the label
    label/label.lst                      `angry_asian_330.jpg 0 1 0 128 128 79.5839 6`
                                          |                 | |             |       expression
                                          |                 | |             how sure the detector was, of 100
                                          |                 | top, left, right, bottom: no usual order
                                          picture           number of the face in it

A row is a face, so a picture comes as often as it has faces, each with its box. People are not known; the
faces of one picture stay together when ferda splits.
"""

from __future__ import annotations

import contextlib
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of, split_counts, with_boxes
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.manifest import BOX
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_LIST = r"label/label\.lst"


def read(root: Path, *, min_confidence: float = 0.0, one_face_per_image: bool = False) -> Reading:
    """Read ExpW.

    Args:
        root: The folder that holds `image` and `label`.
        min_confidence: How sure, from 0 to 100, the owner's detector must have been of a face; papers take
            0, 60 or 80.
        one_face_per_image: Keep of each picture only the face that the detector was surest of.

    Raises:
        UserError: If this is not ExpW, a row is none of its kind, or the confidence is out of range.
    """
    if not 0 <= min_confidence <= 100:
        raise UserError(f"The option min_confidence of ExpW lies between 0 and 100, got {min_confidence}.")
    files = DATASET.open(root, _LIST, below=("image", "label"))
    lists = files.found(_LIST)
    if len(lists) > 1:
        raise UserError(f"{files.root} holds {' and '.join(lists)}; point at the folder of one of them.")
    rows = _labels(files, next(iter(lists)))
    unlisted = len(set(files.files()) - set(rows["file"]))
    warnings = [f"{unlisted} pictures are not in label.lst and were left out."] if unlisted else []
    rows, dropped = _faces(rows)
    rows = rows[rows["confidence"] >= min_confidence]
    variant = f"faces of a confidence of {min_confidence:g} or more" if min_confidence else "faces"
    if one_face_per_image:
        surest = rows.sort_values(["confidence", "face"], ascending=[False, True])
        rows = rows.loc[surest.drop_duplicates("file").index.sort_values()]
        variant += ", one of each picture"
    if rows.empty:
        raise UserError(
            f"The detector of ExpW was {min_confidence:g} sure of no face of {files.root}; ask for less."
        )
    return reading_of(rows, files, title=DATASET.title, variant=variant, warnings=warnings, dropped=dropped)


def _labels(files: OwnerFiles, label_file: str) -> pd.DataFrame:
    """Return the rows of the list as they are, the numbers as numbers."""
    lines = files.lines(label_file)
    words = [line.rsplit(maxsplit=7) for line in lines]
    numbers = np.full((len(lines), 6), np.nan)
    for row, parts in enumerate(words):
        if len(parts) == 8 and parts[7] in DATASET.codes:
            with contextlib.suppress(ValueError):
                numbers[row] = [float(part) for part in parts[1:7]]
    if bad := np.flatnonzero(~np.isfinite(numbers).all(1)).tolist():
        raise UserError(
            f"Line {bad[0] + 1} of {label_file} in {files.root} is '{lines[bad[0]]}'; it should be a "
            "picture, the number of the face, top, left, right, bottom, confidence and a code of 0 to 6."
        )
    there = {PurePosixPath(name).name.lower(): name for name in files.files()}
    names = [parts[0] for parts in words]
    rows = pd.DataFrame(numbers, columns=["face", "top", "left", "right", "bottom", "confidence"])
    rows["face"] = rows["face"].astype(int)
    rows["source_label"] = [parts[7] for parts in words]
    rows["expression"] = rows["source_label"].map(DATASET.codes)
    rows.insert(0, "file", [there.get(name.lower(), f"image/origin/{name}") for name in names])
    return rows


def _faces(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows with boxes, and those that show no face or have one face with two labels."""
    corners = rows[["left", "top", "right", "bottom"]].to_numpy().clip(min=0)  # some begin outside
    rows = with_boxes(rows.drop(columns=["left", "top", "right", "bottom"]), corners)
    labels = rows.groupby(["file", *BOX], dropna=False)["expression"].transform("nunique")
    reasons = np.select(
        [rows["box_w"].isna(), labels > 1], ["the box has no area", "one face has two labels"], ""
    )
    dropped = pd.DataFrame({"file": rows["file"], "reason": reasons})[reasons != ""]
    return rows[reasons == ""], dropped


_ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

DATASET = Dataset(
    title="ExpW",
    paper="Zhang, Luo, Loy and Tang, From facial expression recognition to interpersonal relation "
    "prediction, International Journal of Computer Vision 126(5), 2018",
    access="From the page on social relations of mmlab.ie.cuhk.edu.hk; the volumes of the picture archive "
    "have to be unpacked together.",
    terms="non-commercial research",
    layout="""
image/origin/angry_asian_330.jpg ...
label/label.lst
""",
    protocol="no owner's split: papers split at random (often 80/20) or take the list of CD-FER, which was "
    "not published; accuracy; 7 classes",
    faces="a box for each face, by a detector, with its confidence",
    codes=dict(zip(map(str, range(7)), _ORDER, strict=True)),
    counts={"faces": split_counts(_ORDER, all=(3671, 3995, 1088, 30537, 10559, 7060, 34883))},
    counts_note="The total of 91,793 faces in 68,096 pictures is certain; the classes were copied from "
    "others and add up to it.",
    crop={"kind": "box"},
    read=read,
    traps=(
        "The box is top, left, right, bottom; read as left, top, right, bottom it cuts somewhere else.",
        "The first word of a name is a search term: it is no label.",
        "Crops that are saved under the picture's name overwrite each other.",
        "Faces of one picture belong on one side of a split; ferda keeps them there.",
    ),
)
