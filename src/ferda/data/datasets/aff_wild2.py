"""Aff-Wild2, expression track: videos from the web, one label a frame.

    EXPR_Classification_Challenge/Train_Set/5-60-1920x1080-1.txt
    EXPR_Classification_Challenge/Validation_Set/30-30-1920x1080_left.txt
    cropped_aligned/5-60-1920x1080-1/00001.jpg       112 x 112, frames from 1

The first line of a text file names the classes, line k after it is frame k, and -1 says that nobody judged
it. Frames without a face have no crop, so the two are joined by number, never by order. `_left` and `_right`
are the second person of a video and subjects of their own. Releases before 2022 have seven classes and the
folder `EXPR_Recognition_Challenge`; since then the eighth, Other, is anything else.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_LIST = r"(?P<track>[^/]*EXPR[^/]*)/(?P<part>Train|Training|Validation)_Set/(?P<video>[^/]+)\.txt"
_CROP = r"cropped_aligned[^/]*/(?P<video>[^/]+)/(?P<frame>\d+)\.(?:jpe?g|png)"
_UNJUDGED = "-1"
_ORDER = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")


def read(root: Path, *, every: int = 1) -> Reading:
    """Read the expression track of Aff-Wild2.

    Args:
        root: The folder that holds both the annotations and `cropped_aligned`.
        every: Take the frames 1, 1 + every, 1 + 2 every and so on of each video: neighbours are nearly the
            same, and a million faces fill 38 GB of a pack.

    Raises:
        UserError: If this is not Aff-Wild2, or a text file does not keep its form.
    """
    if every < 1:
        raise UserError(f"The option every of Aff-Wild2 must be at least 1, got {every}.")
    files = DATASET.open(root, _LIST, below=("cropped_aligned",))
    lists = files.found(_LIST)
    if len(tracks := sorted({match["track"] for match in lists.values()})) > 1:
        raise UserError(f"{files.root} holds two releases, {' and '.join(tracks)}; keep one of them there.")
    there = {(match["video"], int(match["frame"])): name for name, match in files.found(_CROP).items()}
    rows = pd.concat([_video(files, name, match) for name, match in lists.items()], ignore_index=True)
    keys = list(zip(rows["subject"], rows["frame"], strict=True))
    idle = len(there.keys() - set(keys))
    warnings = [f"{idle} crops have no annotation and were left out."] * bool(idle)
    rows["file"] = [there.get(key) or f"cropped_aligned/{key[0]}/{key[1]:05d}.jpg" for key in keys]
    rows = rows[(rows["frame"] - 1) % every == 0]
    is_judged = rows["source_label"] != _UNJUDGED
    return reading_of(
        rows[is_judged],
        files,
        title=DATASET.title,
        variant=f"{len(_header(files, next(iter(lists))))} classes",
        warnings=warnings,
        dropped=rows.loc[~is_judged, ["file"]].assign(reason="nobody judged the frame (-1)"),
    )


def _video(files: OwnerFiles, name: str, match: re.Match[str]) -> pd.DataFrame:
    """Return one row for each frame of a video."""
    names = {str(code): word for code, word in enumerate(_header(files, name))}
    labels = [line.strip() for line in files.text(name).rstrip().splitlines()[1:]]
    if odd := set(labels) - {*names, _UNJUDGED}:
        line = min(map(labels.index, odd)) + 2
        raise UserError(
            f"Line {line} of {files.root / name} is '{labels[line - 2]}', which is no code of 0 to "
            f"{len(names) - 1} and not -1; lines are frames, so none may be missing."
        )
    words = [names.get(label, "") for label in labels]
    return pd.DataFrame(
        {
            "expression": [word if word in _ORDER else None for word in words],
            "split": "train" if match["part"].lower().startswith("train") else "val",
            "subject": match["video"],
            "source_label": labels,
            "note": ["Aff-Wild2: other than the seven" if word == "other" else None for word in words],
            "frame": range(1, len(labels) + 1),
        }
    )


def _header(files: OwnerFiles, name: str) -> list[str]:
    words = [word.strip().lower() for word in files.text(name).split("\n", 1)[0].split(",")]
    if len(set(words)) < len(words) or not {*_ORDER} <= {*words} <= {*_ORDER, "other"}:
        raise UserError(
            f"{files.root / name} does not begin with the names of its classes, as in "
            "'Neutral,Anger,Disgust,Fear,Happiness,Sadness,Surprise,Other'."
        )
    return words


DATASET = Dataset(
    title="Aff-Wild2",
    paper="Kollias and Zafeiriou, Expression, affect, action unit recognition: Aff-Wild2, multi-task "
    "learning and ArcFace, BMVC 2019; the track is that of the ABAW competitions",
    access="An academic signs the agreement on D. Kollias's page; the cropped and aligned frames are part of "
    "the download.",
    terms="non-commercial research under the agreement",
    layout="""
EXPR_Classification_Challenge/{Train_Set,Validation_Set}/VIDEO.txt     (older: EXPR_Recognition_Challenge)
cropped_aligned/VIDEO/00001.jpg ...
""",
    protocol="train on Train_Set, report macro F1 over the frames of Validation_Set; 8 classes with Other",
    subjects="names of the videos; _left and _right are people of their own",
    splits=("train", "val"),
    codes={str(code): expression for code, expression in enumerate(_ORDER)},
    counts_note="248 training and 70 validation videos are said of ABAW3 and later; numbers of frames are "
    "not known. Code 7, Other, is kept without a label; -1 is left out.",
    crop={"kind": "whole"},
    read=read,
    traps=(
        "Frames without a face have no crop: joined in order, all later labels are wrong.",
        "The labels of the test videos are with the organisers: reported test scores cannot be repeated.",
        "Other is no expression: numbers on seven and on eight classes do not compare.",
    ),
)
