"""FER+: the pictures of FER2013, each seen by ten people who voted for one of eight expressions.

    fer2013.csv                      FER2013's own table with the pictures
    fer2013new.csv                   Usage,Image name,neutral,...,contempt,unknown,NF; the same rows

or as Microsoft's script leaves it, and ESR with `Images` and `Labels` above:

    FER2013Train/fer0000000.png      also FER2013Valid, FER2013Test
    FER2013Train/label.csv           fer0000000.png,"(0, 0, 48, 48)",4,0,0,1,3,2,0,0,0,0

The two tables have no key but the number of the row, so one that was sorted or thinned out is refused. Rows
without an image name are those that FER+ removed. From votes to a label leads a rule, see
`ferda.data.readers.ferplus`; what it does not decide is kept without a label.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from ferda.data.datasets.base import Counts, Dataset, reading_of, split_counts
from ferda.data.datasets.fer2013 import TABLE, USAGE, pixels_of
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.ferplus import SPLITS, Rule, label_columns, part_rows
from ferda.data.readers.pixel_table import PixelSource
from ferda.data.readers.source import Reading
from ferda.data.readers.table import table_parts
from ferda.errors import UserError
from ferda.expressions import CLASS_ORDERS

_ORDER = CLASS_ORDERS["ferplus"]
_VOTES = (*_ORDER, "unknown", "NF")
_VOTES_FILE = r"fer2013new\.csv"
_LABELS = r"FER2013(?:Train|Valid|Test)/label\.csv"


def read(root: Path, *, rule: Rule = "majority") -> Reading:
    """Read FER+.

    Args:
        root: The folder that holds both tables, or `FER2013Train` and its sisters, at any depth.
        rule: One class with more than half of the votes (`majority`), all with 30 % of them
            (`multi_target`), or the leading ones until 75 % are reached (`probability`).

    Raises:
        UserError: If this is not FER+, or its two tables do not belong together.
    """
    files = DATASET.open(root, rf"(?:{_LABELS}|{_VOTES_FILE})", below=(*SPLITS, "Images"))
    labels, votes, tables = (sorted(files.found(name)) for name in (_LABELS, _VOTES_FILE, TABLE))
    if labels and files.found(r"fer\d{7}\.png"):
        return reading_of(_folder_rows(files, labels, rule), files, title=DATASET.title, variant=rule)
    if not votes or not tables:
        raise UserError(
            f"{files.root} holds FER+'s votes, but not the pictures: put FER2013's own fer2013.csv beside "
            "fer2013new.csv, or the pictures that Microsoft's script makes of it beside each label.csv."
        )
    rows, removed, images = _table_rows(files, tables[0], votes[0], rule)
    return reading_of(rows, images, title=DATASET.title, variant=rule, dropped=removed)


def _folder_rows(files: OwnerFiles, labels: list[str], rule: Rule) -> pd.DataFrame:
    there = {(path.parent.name, path.name): str(path) for path in map(PurePosixPath, files.files())}
    parts = []
    for table in labels:
        with files.open(table) as stream:
            parts.append(part_rows(stream, files.root / table, there, rule))
    return pd.concat(parts, ignore_index=True)


def _table_rows(
    files: OwnerFiles, table: str, votes_file: str, rule: Rule
) -> tuple[pd.DataFrame, pd.DataFrame, PixelSource]:
    """Return rows, those that FER+ removed, and the pictures."""
    where = files.root / votes_file
    with files.open(votes_file) as stream:
        plus = pd.concat(table_parts(stream, where))
    if absent := [column for column in ("Usage", "Image name", *_VOTES) if column not in plus]:
        raise UserError(f"{where} has no column '{absent[0]}', as FER+'s table has.")
    owner, images = pixels_of(files, table)
    if len(owner) != len(plus) or (owner["Usage"] != plus["Usage"]).any():
        raise UserError(
            f"{where} and {images.root} do not say the same Usage in the same {len(plus)} rows, so they do "
            "not belong together: take both as their owners published them, neither sorted nor thinned out."
        )
    votes = plus[list(_VOTES)].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    named = plus["Image name"].to_numpy() != ""
    expected = np.array([f"fer{row:07d}.png" for row in range(len(plus))], dtype=object)
    is_bad = named & ((plus["Image name"].to_numpy() != expected) | ~np.isfinite(votes).all(1))
    if is_bad.any():
        row = int(is_bad.argmax())
        raise UserError(
            f"Row {row} (from 0) of {where} is not {expected[row]} with ten votes; copy it again."
        )
    split = plus["Usage"].map(USAGE)
    rows = pd.DataFrame({"file": images.files(), "split": split, **label_columns(np.nan_to_num(votes), rule)})
    reason = "FER+ removed it from FER2013"
    removed = pd.DataFrame({"file": rows["file"][~named], "reason": reason})
    return rows[named], removed, images


def _counts(*rows: tuple[int, ...]) -> Counts:
    return split_counts(_ORDER, **dict(zip(("train", "val", "test"), rows, strict=True)))


DATASET = Dataset(
    title="FER+",
    paper="Barsoum, Zhang, Canton Ferrer and Zhang, Training deep networks for facial expression recognition "
    "with crowd-sourced label distribution, ICMI 2016",
    access="The votes, fer2013new.csv, are in the repository microsoft/FERPlus on GitHub; the pictures are "
    "FER2013's ('ferda datasets fer2013').",
    terms="votes under MIT; for the pictures as FER2013",
    layout="""
fer2013.csv  fer2013new.csv
or
FER2013Train/{label.csv,fer0000000.png,...}  FER2013Valid/{...}  FER2013Test/{...}
or
Images/FER2013Train/fer0000000.png ...       Labels/FER2013Train/label.csv ...
""",
    protocol="train on train by any rule, report accuracy on test by `majority`; 8 classes, or 7 without "
    "contempt",
    splits=("train", "val", "test"),
    codes={name: name for name in _ORDER},
    counts={
        "majority": _counts(
            (8733, 7284, 3136, 3022, 2098, 116, 536, 120),
            (1180, 862, 411, 348, 289, 25, 60, 16),
            (1083, 892, 394, 382, 269, 16, 86, 15),
        ),
        "probability": _counts(
            (10107, 7501, 3517, 3445, 2401, 170, 643, 163),
            (1311, 897, 452, 406, 319, 29, 69, 25),
            (1250, 925, 438, 437, 315, 20, 96, 26),
        ),
        "multi_target": _counts(
            (10056, 7489, 3481, 3410, 2337, 150, 598, 146),
            (1303, 893, 447, 400, 312, 29, 67, 21),
            (1238, 921, 440, 435, 298, 18, 93, 23),
        ),
    },
    counts_note="Counted on the published label.csv files; fer2013new.csv names 3 more pictures of the "
    "training part and 1 more of the test part.",
    crop={"kind": "whole"},
    read=read,
    traps=(
        "Results by another rule than `majority` are on other test pictures.",
        "The order of its classes is neither FER2013's nor AffectNet's.",
        "Of 35,887 rows 173 have no image name: who counts only the named ones shifts the labels.",
    ),
)
