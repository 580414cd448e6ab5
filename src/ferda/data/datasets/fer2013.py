"""FER2013: 35,887 grey faces of 48 x 48 pixels from an image search, numbers in a table.

    fer2013.csv           emotion,pixels,Usage         `0,70 80 82 ... 84,Training`
    icml_face_data.csv    emotion, Usage, pixels       the same rows; the blanks are the owner's
    train/angry/Training_3908.jpg                      a copy in folders; `test` mixes the two test parts

The 2,304 numbers are rows from top to bottom. Pictures keep the number of their row, counted from 0, in
their name (`row0000000.pgm`): FER+ labels the same rows. In folders the public and the private test part
are told apart by the names alone; where these say nothing, the published protocol cannot be followed.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.pixel_table import PixelSource, load_pixels
from ferda.data.readers.source import ImageSource, Reading
from ferda.errors import UserError
from ferda.expressions import CLASS_ORDERS
from ferda.faces.images import read_image

#: Names of the table.
TABLE = r"(?:fer2013|icml_face_data)\.csv"
#: The owner's word -> split.
USAGE = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
_WORDS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_ORDER = CLASS_ORDERS["fer2013"]


def read(root: Path, *, drop_constant: bool = False) -> Reading:
    """Read FER2013.

    Args:
        root: The folder that holds the table, or `train` and `test`.
        drop_constant: Leave out pictures of one value, nearly all of them black.

    Raises:
        UserError: If this is not FER2013, or a label or a part is none of its.
    """
    words = "|".join(_WORDS)
    files = DATASET.open(root, rf"(?:{TABLE}|(?:train|test)/(?:{words})/[^/]+\.\w+)", below=("train", "test"))
    images: ImageSource = files
    warnings: list[str] = []
    variant = "table"
    if tables := sorted(files.found(TABLE)):
        owner, pixels = pixels_of(files, tables[0])
        rows, images = _rows(owner, pixels), pixels
    else:
        rows, variant, warnings = _folder_rows(files)
    dropped = _constant(rows, images) if drop_constant else None
    if dropped is not None:
        rows = rows[~rows["file"].isin(dropped["file"])]
    return reading_of(rows, images, title=DATASET.title, variant=variant, warnings=warnings, dropped=dropped)


def pixels_of(files: OwnerFiles, table: str) -> tuple[pd.DataFrame, PixelSource]:
    """Return what FER2013's table says of each row, and its pictures.

    Args:
        files: Where it is.
        table: Its name there.

    Returns:
        Rows with the columns `emotion` and `Usage` as text; and a picture for each.

    Raises:
        UserError: If the table is damaged, or a column is missing.
    """
    with files.open(table) as stream:
        owner, images = load_pixels(stream, files.root / table)
    if absent := [column for column in ("emotion", "Usage") if column not in owner]:
        raise UserError(
            f"{images.root} has no column {' and no column '.join(absent)}; a table of pixels that is not "
            f"FER2013's is read by 'ferda prepare {images.root}'."
        )
    return owner, images


def _rows(owner: pd.DataFrame, images: PixelSource) -> pd.DataFrame:
    for column, known in (("emotion", DATASET.codes), ("Usage", USAGE)):
        if (is_bad := ~owner[column].isin(known)).any():
            row = int(is_bad.to_numpy().argmax())
            raise UserError(
                f"Row {row} (from 0) of {images.root} has the {column} '{owner[column][row]}'; FER2013's are "
                f"{', '.join(known)}."
            )
    return pd.DataFrame(
        {
            "file": images.files(),
            "expression": owner["emotion"].map(DATASET.codes),
            "split": owner["Usage"].map(USAGE),
            "source_label": owner["emotion"],
        }
    )


def _folder_rows(files: OwnerFiles) -> tuple[pd.DataFrame, str, list[str]]:
    """Return rows, the variant and warnings."""
    pattern = rf"(?P<split>train|test)/(?P<code>[^/]+)/(?:(?P<usage>{'|'.join(USAGE)})_)?[^/]+"
    rows, warnings = rows_by_name(files, pattern, dict(zip(_WORDS, _ORDER, strict=True)), DATASET.title)
    named = rows["usage"].str.lower().map({usage.lower(): split for usage, split in USAGE.items()})
    rows["split"] = named.fillna(rows["split"].str.lower())
    if mixed := int((named.isna() & (rows["split"] == "test")).sum()):
        warnings.append(
            f"{mixed} pictures of the folder test are of the public or the private test part, their names do "
            "not say which: results on both together cannot be compared with published ones."
        )
    variant = "folders, test parts mixed" if mixed else "folders"
    return rows.drop(columns="usage"), variant, warnings


def _constant(rows: pd.DataFrame, images: ImageSource) -> pd.DataFrame:
    there = set(images.files())
    pictures = ((file, read_image(images.read(file))) for file in rows["file"] if file in there)
    blank = [file for file, picture in pictures if picture.min() == picture.max()]
    return pd.DataFrame({"file": blank, "reason": ["all of its pixels are the same"] * len(blank)})


_TRAIN = (3995, 436, 4097, 7215, 4830, 3171, 4965)
_PUBLIC = (467, 56, 496, 895, 653, 415, 607)
_PRIVATE = (491, 55, 528, 879, 594, 416, 626)

DATASET = Dataset(
    title="FER2013",
    paper="Goodfellow et al., Challenges in representation learning: a report on three machine learning "
    "contests, ICONIP 2013",
    access="Download it from the Kaggle competition 'Challenges in Representation Learning: Facial "
    "Expression Recognition Challenge', with an account there.",
    terms="none written down; the pictures come from a web search and belong to others",
    layout="""
fer2013.csv                        emotion,pixels,Usage   (or icml_face_data.csv)
or a copy in folders:
train/{angry,disgust,fear,happy,neutral,sad,surprise}/Training_3908.jpg ...
test/{...}/PrivateTest_10131363.jpg ...
""",
    protocol="train on Training (train), select on PublicTest (val), report accuracy on PrivateTest (test); "
    "7 classes",
    splits=("train", "val", "test"),
    codes={str(code): expression for code, expression in enumerate(_ORDER)},
    counts={
        **dict.fromkeys(("table", "folders"), split_counts(_ORDER, train=_TRAIN, val=_PUBLIC, test=_PRIVATE)),
        "folders, test parts mixed": split_counts(
            _ORDER, train=_TRAIN, test=[a + b for a, b in zip(_PUBLIC, _PRIVATE, strict=True)]
        ),
    },
    counts_note="Training and PrivateTest are certain; PublicTest is common knowledge whose sum, 3,589, is "
    "right.",
    crop={"kind": "whole"},
    read=read,
    traps=(
        "Some pictures are black, or no face, and copies stand in several parts: use drop_constant, and run "
        "`ferda check`.",
        "Many papers report on all 7,178 test pictures or on the public half: ask which before you compare.",
        "FER+ counts the rows of the table: never sort it.",
    ),
)
