"""MUG: posed expressions on video, 896 x 896; single frames that the owner chose, or the sequences.

    manual/images/001_an_001_0050.jpg            person, expression, take, frame
    subjects3/001/anger/take000/img_0000.jpg     the sequences

A sequence begins and ends neutral: its middle shows the expression, its last frame does not.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_WORDS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
_PARTS = {
    "manual": r"(?P<subject>\d{3})_(?P<code>[a-z]{2})_(?P<sequence>\d{3})_(?P<frame>\d{4})",
    "sequences": rf"(?P<sequence>(?P<subject>\d{{3}})/(?:[^/]+/)?(?P<code>{'|'.join(_WORDS)})(?:/[^/]+)?)"
    r"/[^/]*?(?P<frame>\d+)",
}


def read(root: Path, *, part: Literal["auto", "manual", "sequences"] = "auto", frames: int = 3) -> Reading:
    """Read MUG.

    Args:
        root: The folder that holds `manual` or the people's folders.
        part: The frames that the owner chose, or frames from the middle of each sequence; `auto` takes the
            one that is there, manual if both are.
        frames: How many of each sequence.

    Raises:
        UserError: If this is not MUG, the part is not there, or an expression is none of the seven.
    """
    files = DATASET.open(
        root, rf"(?:\d{{3}}_[a-z]{{2}}_\d{{3}}_\d{{4}}|\d{{3}}/.*(?:{'|'.join(_WORDS)})/.*\d)\.\w+"
    )
    there = [name for name, pattern in _PARTS.items() if files.found(rf"{pattern}\.\w+")]
    wanted = there[0] if part == "auto" else part
    if wanted not in there:
        raise UserError(f"{files.root} holds MUG's {there[0]} part alone; leave --option part={part} out.")
    codes = DATASET.codes if wanted == "manual" else dict(zip(_WORDS, _WORDS, strict=True))
    rows, warnings = rows_by_name(files, _PARTS[wanted], codes, DATASET.title)
    rows["frame"] = rows["frame"].astype(int)
    if wanted == "sequences":
        rows = _middle(rows, frames)
    return reading_of(rows, files, title=DATASET.title, variant=wanted, warnings=warnings)


def _middle(rows: pd.DataFrame, frames: int) -> pd.DataFrame:
    """Return the frames around the middle of each sequence, whose rows stand in order."""
    if frames < 1:
        raise UserError(f"The option frames of MUG must be at least 1, got {frames}.")
    sequences = rows.groupby("sequence", sort=False)["file"]
    place, first = sequences.cumcount(), (sequences.transform("size") - frames).clip(lower=0) // 2
    return rows[(place >= first) & (place < first + frames)]


DATASET = Dataset(
    title="MUG",
    paper="Aifanti, Papachristou and Delopoulos, The MUG facial expression database, WIAMIS 2010",
    access="Account on mug.ee.auth.gr after a licence form; manual.tar has to be unpacked.",
    terms="non-commercial research under the licence",
    layout="""
manual/images/001_an_001_0050.jpg ...
subjects3/001/{anger,disgust,fear,happiness,neutral,sadness,surprise}/take000/img_0000.jpg ...
""",
    protocol="folds by person, accuracy; 6 classes, or 7 with neutral",
    subjects="names of the pictures or folders (86 people, of whom 52 are given to outsiders)",
    faces="80 points in the manual part, which ferda does not read",
    codes={"an": "anger", "di": "disgust", "fe": "fear", "ha": "happiness", "ne": "neutral"}
    | {"sa": "sadness", "su": "surprise"},
    counts_note="No published number of pictures of each class is known.",
    read=read,
    traps=(
        "Sequences end neutral: who takes the last frames, as for CK+, trains on neutral faces.",
        "Frames of one person on both sides of a split make any model look good.",
    ),
)
