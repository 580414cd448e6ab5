"""SFEW 2.0: single frames of feature films, chosen from the clips of AFEW, in seven classes.

    Train/Train_Aligned_Faces/Angry/Airheads_000519240_00000005.png     143 x 181, aligned by the owner
    Val/Val_Aligned_Faces_new/Happy/...                                 older copies: Val_Aligned_Faces
    Test/Test_Aligned_Faces/...                                         flat; its labels were never given out
    Train/Angry.zip, Train/Happy.zip ...                                the whole frames, folders or archives
                  |        |         frame
                  |        time of the clip in the film
                  film, whose title may itself hold blanks and underscores

Nobody numbered the actors. A film's actors come again in its other frames, so the film is the group that
stays together; the owner's parts already keep films apart.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.manifest import name_list
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_CLASSES = "angry|disgust|fear|happy|neutral|sad|surprise"
_NAME = (
    r"(?P<split>train|val|test)(?:\.zip)?/(?P<place>(?:[^/]+/)*?)"
    rf"(?:(?P<source_label>{_CLASSES})(?:\.zip)?/(?:(?P=source_label)/)?)?"
    r"(?P<picture>(?P<movie>[^/]+)_(?P<sequence>\d{9})_(?P<frame>\d{8}))\.(?:png|jpe?g)"
)


def read(root: Path, *, images: Literal["auto", "aligned", "frames"] = "auto") -> Reading:
    """Read SFEW 2.0.

    Args:
        root: The folder that holds `Train`, `Val` and `Test`.
        images: The owner's aligned faces, or the whole frames; `auto` prefers the aligned ones.

    Raises:
        UserError: If this is not SFEW, these images are not there, or a training picture lies in no class.
    """
    files = DATASET.open(root, _NAME, below=("Train", "Val", "Test"))
    rows = pd.DataFrame(
        [{"file": name, **match.groupdict()} for name, match in files.found(_NAME).items()]
    ).drop(columns="above")
    rows["split"] = rows["split"].str.lower()
    is_aligned = rows["place"].str.contains("aligned", case=False)
    wanted = images if images != "auto" else "aligned" if is_aligned.any() else "frames"
    rows = rows[is_aligned == (wanted == "aligned")]
    if rows.empty:
        other = "frames" if wanted == "aligned" else "aligned"
        raise UserError(f"{files.root} holds only SFEW's {other}; leave --option images={images} out.")
    warnings: list[str] = []
    rows = _once(rows, warnings)
    rows = labelled(rows, files, DATASET)
    rows["subject"], rows["frame"] = rows["movie"], rows["frame"].astype(int)
    crop = None if wanted == "aligned" else {"kind": "aligned"}
    rows = rows.drop(columns=["place", "picture"])
    return reading_of(rows, files, title=DATASET.title, variant=wanted, warnings=warnings, crop=crop)


def labelled(rows: pd.DataFrame, files: OwnerFiles, known: Dataset) -> pd.DataFrame:
    """Return rows with the expression of their class folder; the test part of SFEW and of AFEW has none.

    Args:
        rows: `file`, `split`, and `source_label`, which is missing outside of class folders.
        files: The owner's files, for the message.
        known: Of which data set; its codes are class folders.

    Raises:
        UserError: If a picture for training or validation lies in none of the classes.
    """
    unnamed = rows["source_label"].isna() & (rows["split"] != "test")
    if unnamed.any():
        raise UserError(
            f"{name_list(rows['file'][unnamed].tolist(), 3)} in {files.root} lie in none of {known.title}'s "
            f"classes ({', '.join(known.codes)}); put them into one or remove them."
        )
    codes = {code.lower(): expression for code, expression in known.codes.items()}
    return rows.assign(expression=rows["source_label"].str.lower().map(codes))


def _once(rows: pd.DataFrame, warnings: list[str]) -> pd.DataFrame:
    """Return the newer of two validation archives, and each picture once, in an archive or beside it."""
    is_val, is_new = rows["split"] == "val", rows["place"].str.contains("_new", case=False)
    is_old = is_val & ~is_new
    if (is_val & is_new).any() and is_old.any():
        warnings.append(f"{is_old.sum()} pictures of the older Val_Aligned_Faces were left out for the new.")
        rows = rows[~is_old]
    key = rows[["split", "source_label", "picture"]].apply(lambda column: column.str.lower())
    repeated = key.duplicated()
    if repeated.any():
        warnings.append(f"{repeated.sum()} pictures lie there more than once and were taken once.")
    return rows[~repeated].reset_index(drop=True)


_ORDER = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")

DATASET = Dataset(
    title="SFEW 2.0",
    paper="Dhall, Goecke, Lucey and Gedeon, Static facial expression analysis in tough conditions, ICCV "
    "workshops 2011; version 2.0 with EmotiW 2015",
    access="Licence form on cs.anu.edu.au/few (A. Dhall), answered by e-mail.",
    terms="non-commercial research under the licence; the films belong to others",
    layout="""
Train/Train_Aligned_Faces/{Angry,Disgust,Fear,Happy,Neutral,Sad,Surprise}/Airheads_000519240_00000005.png ...
Val/Val_Aligned_Faces_new/...       (or Val_Aligned_Faces; each folder may be a .zip)
Test/Test_Aligned_Faces/...         (without classes)
Train/{Angry,...}/..., Val/{Angry,...}/...   (whole frames; each class may be a .zip)
""",
    protocol="train on train, report accuracy on val, because the labels of test are withheld; 7 classes",
    subjects="no people; the film, from the names of the pictures",
    splits=("train", "val", "test"),
    codes=dict(zip(("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"), _ORDER, strict=True)),
    counts={
        "aligned": split_counts(
            _ORDER, train=(178, 52, 78, 184, 144, 161, 94), val=(77, 23, 46, 72, 84, 73, 56)
        ),
        "frames": split_counts(
            _ORDER, train=(178, 66, 98, 198, 150, 172, 96), val=(77, 23, 47, 73, 86, 73, 57)
        ),
    },
    counts_note="Copied from others, not counted. Each part adds up to the total that is known: 891 and 431 "
    "aligned faces, 958 and 436 frames (and 372 in test).",
    crop={"kind": "whole"},
    read=read,
    traps=(
        "Results on 431 aligned faces and on 436 frames are not of the same pictures: say which.",
        "The frames are from AFEW's clips: never train on one of the two and test on the other.",
        "SFEW 1.0 of 2011 is another set, with two folds.",
    ),
)
