"""AFEW: short clips of feature films in seven classes, the challenge data of EmotiW.

    Train_AFEW/Angry/000046280/0001.jpg      frames of the clip 000046280, cut out or aligned
    Val_AFEW/Happy/...
    Test_AFEW/...                            without classes: these labels were never given out

The owner ships videos (`Train_AFEW/Angry/000046280.avi`), which ferda does not read: it works on pictures. A
label is a clip's, and every frame of the clip gets it, although many show nothing of it.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.sfew import DATASET as SFEW
from ferda.data.datasets.sfew import labelled
from ferda.data.readers.source import Reading
from ferda.errors import UserError

_CLIP = (
    r"(?P<split>train|val|test)(?:_afew)?(?:\.zip)?/(?:[^/]+/)*?"
    rf"(?:(?P<source_label>{'|'.join(SFEW.codes)})(?:\.zip)?/(?:(?P=source_label)/)?)?(?P<sequence>\d{{9}})"
)
_FRAME = rf"{_CLIP}[/_-](?:\d{{9}}[_-])?(?P<frame>\d+)\.(?:jpe?g|png)"


def read(root: Path) -> Reading:
    """Read the frames of AFEW's clips.

    Args:
        root: The folder that holds `Train_AFEW` and `Val_AFEW`.

    Raises:
        UserError: If this is not AFEW, its clips are still videos, or a training frame lies in no class.
    """
    files = DATASET.open(root, rf"{_CLIP}[/_.-].*", below=("Train_AFEW", "Val_AFEW", "Test_AFEW"))
    found = files.found(_FRAME)
    if not found:
        clip = str(Path(min(files.found(rf"{_CLIP}[/_.-].*"))).with_suffix(""))
        raise UserError(
            f"{files.root} holds AFEW's clips, but ferda reads no videos; write the frames of each into a "
            f"folder of its name, as in 'mkdir {clip} && ffmpeg -i {clip}.avi {clip}/%04d.jpg'."
        )
    rows = pd.DataFrame([{"file": name, **match.groupdict()} for name, match in found.items()])
    rows["split"] = rows["split"].str.lower()
    rows["frame"] = rows["frame"].astype(int)
    rows = rows.drop(columns="above").sort_values(["split", "sequence", "frame"], ignore_index=True)
    rows = labelled(rows, files, DATASET)
    return reading_of(rows, files, title=DATASET.title, variant="frames")


_ORDER = tuple(SFEW.codes.values())

DATASET = Dataset(
    title="AFEW",
    paper="Dhall, Goecke, Lucey and Gedeon, Collecting large, richly annotated facial-expression databases "
    "from movies, IEEE MultiMedia 19(3), 2012",
    access="Licence form on cs.anu.edu.au/few (A. Dhall), answered by e-mail.",
    terms="non-commercial research under the licence; the films belong to others",
    layout="""
Train_AFEW/{Angry,Disgust,Fear,Happy,Neutral,Sad,Surprise}/000046280/0001.jpg ...   (frames of 000046280.avi)
Val_AFEW/...
Test_AFEW/000046280/0001.jpg ...    (without classes)
""",
    protocol="train on train, report the accuracy of clips on val, because the labels of test are withheld; "
    "7 classes",
    splits=("train", "val", "test"),
    codes=SFEW.codes,
    counts_note="Of the 2016 clips (not frames), in the order of the classes: 133, 74, 81, 150, 144, 117, 74 "
    "for training, 64, 40, 46, 63, 63, 61, 46 for validation, and 593 in the test part.",
    read=read,
    traps=(
        "A label is a clip's: many of its frames show another expression, or none.",
        "SFEW's frames are from these clips: never train on one of the two and test on the other.",
        "Papers count clips; accuracy over frames is another number.",
    ),
)
