"""KDEF: seventy amateur actors, seven posed expressions, five cameras, everything taken twice.

    KDEF/AF01/AF01AFHL.JPG
              ||| | view: S is straight, HL and HR are half profiles, FL and FR full ones
              ||| expression: AF is afraid (fear), AN is anger; DI, HA, NE, SA, SU
              ||person 01 to 35, women and men counted apart
              |F or M
              session A or B, the same people a second time

A few pictures came out nearly black, and two lost their expression on the way (`AF31V.JPG`, `AM31H.JPG`);
both kinds are listed and left out. Black is a mean grey below 10 of 255, which takes a look at each picture:
up to half a minute for all of them.
"""

from __future__ import annotations

import io
import re
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pandas as pd
from PIL import Image

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.source import Reading

CODES = {"AF": "fear", "AN": "anger", "DI": "disgust", "HA": "happiness", "NE": "neutral"} | {
    "SA": "sadness",
    "SU": "surprise",
}
VIEWS = {"FL": "full left", "HL": "half left", "S": "straight", "HR": "half right", "FR": "full right"}
GENDERS = {"F": "female", "M": "male"}
_NAME = r"(?P<session>[AB])(?P<subject>(?P<gender>[FM])\d{2})(?P<code>[A-Z]{2})(?P<view>FL|HL|S|HR|FR)"
_BROKEN = re.compile(r"[AB][FM]\d{2}(?![A-Z]{2}(?:FL|HL|S|HR|FR)$)\w*", re.IGNORECASE)
_SEEN = {"all": tuple(VIEWS), "half": ("HL", "S", "HR"), "frontal": ("S",)}
_DARK = 10


def read(root: Path, *, views: Literal["all", "half", "frontal"] = "all") -> Reading:
    """Read KDEF.

    Args:
        root: The folder of the people's folders.
        views: All five, the straight one with both half profiles, or the straight one alone.

    Raises:
        UserError: If this is not KDEF, or an expression is none of its seven.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+")
    rows, warnings = rows_by_name(files, _NAME, CODES, DATASET.title)
    for column in ("session", "subject", "gender", "view"):
        rows[column] = rows[column].str.upper()
    rows = rows[rows["view"].isin(_SEEN[views])]
    rows["gender"], rows["view"] = rows["gender"].map(GENDERS), rows["view"].map(VIEWS)
    dark = [name for name in rows["file"] if _is_dark(files, name)]
    broken = [name for name in files.files() if _BROKEN.fullmatch(PurePosixPath(name).stem)]
    reasons = ["the picture is nearly black"] * len(dark) + ["its name has lost the expression"] * len(broken)
    dropped = pd.DataFrame({"file": dark + broken, "reason": reasons})
    rows = rows[~rows["file"].isin(dark)]
    return reading_of(rows, files, title=DATASET.title, variant=views, warnings=warnings, dropped=dropped)


def _is_dark(files: OwnerFiles, name: str) -> bool:
    try:
        with Image.open(io.BytesIO(files.read(name))) as picture:
            picture.draft("L", (70, 95))  # an eighth of the side, which JPEG gives away for little
            return float(np.asarray(picture.convert("L")).mean()) < _DARK
    except OSError:  # what cannot be opened is named later, with every other picture that cannot
        return False


DATASET = Dataset(
    title="KDEF, Karolinska Directed Emotional Faces",
    paper="Lundqvist, Flykt and Öhman, The Karolinska Directed Emotional Faces, Karolinska Institutet, 1998",
    access="Form on kdef.se.",
    terms="free for non-commercial research, with citation",
    layout="""
KDEF/AF01/AF01AFFL.JPG ...    (35 pictures a folder, one folder for each person and session)
""",
    protocol="straight view (980 pictures), or straight and half profiles (2,940); 10 folds by person, "
    "accuracy; 7 classes",
    subjects="names of the pictures (70 people)",
    codes=CODES,
    counts={
        "all": split_counts(tuple(CODES.values()), all=[700] * 7),
        "half": split_counts(tuple(CODES.values()), all=[420] * 7),
        "frontal": split_counts(tuple(CODES.values()), all=[140] * 7),
    },
    counts_note="Computed as 70 people x 2 sessions x views; a copy has fewer, because about ten pictures "
    "are nearly black and two lost their names.",
    read=read,
    traps=(
        "AF is afraid, not anger.",
        "Sessions A and B show the same person, who belongs on one side of a split.",
        "Full profiles show one eye: where no face is found, the picture is kept whole.",
        "AKDEF is averaged from these pictures: never one in training and the other in the test.",
        "Copies in class folders have dropped session and view.",
    ),
)
