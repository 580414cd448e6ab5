"""Oulu-CASIA NIR&VIS: eighty people go from neutral to a posed expression, in three lights, filmed twice.

    B_OriginalImg/VL/Strong/P001/Anger/000.jpeg            320 x 240, the first frame: neutral
    C_PreProcess Img/NI/Dark/P080/Surprise/017.jpeg        the face alone; spellings of the folder vary
                     |  |    |    |        frame
                     |  |    |    expression; there is no neutral folder
                     |  |    person: P001-P050 are Finnish, P051-P080 Chinese
                     |  Strong, Weak or Dark
                     VL is visible light, NI near infrared

A sequence ends with the expression at its strongest, so its last three frames get the label, and its frame
000 is neutral; what is between is left out unless asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_NAME = r"(?P<modality>NI|VL)/(?P<light>Strong|Weak|Dark)/(?P<subject>P\d{3})/(?P<code>[a-z]+)/(?P<frame>\d+)"
_SETS = {"cropped": r"pre[ _-]*process", "original": r"original"}
_PEAK = 3


def read(
    root: Path,
    *,
    modality: Literal["vl", "ni", "all"] = "vl",
    light: Literal["strong", "weak", "dark", "all"] = "strong",
    frames: Literal["peak", "all"] = "peak",
    images: Literal["auto", "cropped", "original"] = "auto",
) -> Reading:
    """Read Oulu-CASIA.

    Args:
        root: The folder of the sets, one set, or its `VL` or `NI`.
        modality: Visible light, near infrared, or both.
        light: How the room was lit.
        frames: The last three with the label and the first as neutral, or all with the label.
        images: Set C, cropped by the owner, or set B; `auto` takes C if it is there.

    Raises:
        UserError: If this is not Oulu-CASIA, the set or the condition is not there, or an expression is none
            of the six.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+", below=("VL", "NI"))
    kind, pattern = _set(files, images)
    rows, warnings = rows_by_name(files, pattern, DATASET.codes, DATASET.title)
    for column, wanted in (("modality", modality), ("light", light)):
        rows[column] = rows[column].str.lower()
        if wanted != "all":
            rows = rows[rows[column] == wanted]
    if rows.empty:
        raise UserError(
            f"{files.root} holds no sequence of Oulu-CASIA in modality {modality} and light {light}; choose "
            "others by --option modality=... light=..."
        )
    rows["subject"], rows["frame"] = rows["subject"].str.upper(), rows["frame"].astype(int)
    rows["sequence"] = rows[["modality", "light", "subject", "source_label"]].agg("/".join, axis=1)
    if frames == "peak":
        rows = _ends(rows)
    else:
        warnings.append(
            "All frames have the label of their sequence, also its first ones, which are neutral."
        )
    crop = {"kind": "whole" if kind == "cropped" else "aligned"}
    variant = f"{modality} {light} {frames}"
    return reading_of(rows, files, title=DATASET.title, variant=variant, warnings=warnings, crop=crop)


def _set(files: OwnerFiles, images: str) -> tuple[str, str]:
    """Return which set is read, and the pattern of its names; folders of no set hold originals."""
    patterns = {kind: rf"[^/]*{words}[^/]*/{_NAME}" for kind, words in _SETS.items()}
    there = [kind for kind, pattern in patterns.items() if files.found(rf"{pattern}\.\w+")]
    if not there:
        top = files.root.absolute().name
        itself = [kind for kind, words in _SETS.items() if re.search(words, top, re.IGNORECASE)]
        there, patterns = itself or ["original"], dict.fromkeys(patterns, _NAME)
    wanted = there[0] if images == "auto" else images
    if wanted not in there:
        raise UserError(
            f"{files.root} holds Oulu-CASIA's {there[0]} pictures alone; leave --option images={images} out."
        )
    return wanted, patterns[wanted]


def _ends(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the frames 000 as neutral and the last of each sequence, whose rows stand in order."""
    is_first = rows["frame"] == 0
    is_last = rows.groupby("sequence").cumcount(ascending=False) < _PEAK
    rows.loc[is_first, ["expression", "note"]] = ["neutral", "first frame of a sequence"]
    return rows[is_first | is_last]


_ORDER = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")

DATASET = Dataset(
    title="Oulu-CASIA NIR&VIS",
    paper="Zhao, Huang, Taini, Li and Pietikäinen, Facial expression recognition from near-infrared videos, "
    "Image and Vision Computing 29(9), 2011",
    access="Licence form of the University of Oulu, Center for Machine Vision.",
    terms="non-commercial research under the licence",
    layout="""
C_PreProcess Img/{NI,VL}/{Strong,Weak,Dark}/P001/{Anger,Disgust,Fear,Happiness,Sadness,Surprise}/000.jpeg ...
B_OriginalImg/...     (the same form; the videos are not read)
""",
    protocol="visible light, strong; last three frames of each sequence, for seven classes with the first as "
    "neutral; 10 folds by person, accuracy",
    subjects="folders (80 people)",
    codes={name.capitalize(): name for name in _ORDER},
    counts={
        f"{modality} {light} peak": split_counts((*_ORDER, "neutral"), all=(*[240] * 6, 480))
        for modality in ("vl", "ni")
        for light in ("strong", "weak", "dark")
    },
    counts_note="Computed from 80 people x 6 expressions in each condition. Strong light was counted: "
    "sequences of 9 to 72 frames, the same in both modalities, 10,379 frames in each.",
    read=read,
    traps=(
        "There is no neutral folder: the first frame of each sequence is the only neutral one.",
        "Frames near the start are close to neutral whatever their folder says.",
        "The same moment was filmed in visible light and in infrared: only a split by person is one.",
        "The list of LA-CMFER names 1,920 pictures in 2,988 lines.",
    ),
)
