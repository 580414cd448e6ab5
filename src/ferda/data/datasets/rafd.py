"""RaFD: 67 people with eight posed expressions, three gazes, and five cameras at once.

    Rafd090_01_Caucasian_female_angry_frontal.jpg
        |   |  group     gender expression gaze
        |   person
        camera: 000, 045, 090 (from the front), 135, 180

All pictures lie in one folder. Contempt is among the expressions, so seven classes leave an eighth out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading
from ferda.expressions import EXPRESSIONS

_NAME = (
    r"Rafd(?P<view>000|045|090|135|180)_(?P<subject>\d{2})_(?P<group>[a-z]+)_(?P<gender>female|male)"
    r"_(?P<code>[a-z]+)_(?P<gaze>frontal|left|right)"
)


def read(root: Path, *, views: Literal["frontal", "all"] = "frontal") -> Reading:
    """Read RaFD.

    Args:
        root: The folder of the pictures.
        views: Pictures of the camera in front, as most papers do, or of all five.

    Raises:
        UserError: If this is not RaFD, or an expression is none of its eight.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+")
    rows, warnings = rows_by_name(files, _NAME, DATASET.codes, DATASET.title)
    if views == "frontal":
        rows = rows[rows["view"] == "090"]
    return reading_of(rows, files, title=DATASET.title, variant=views, warnings=warnings)


DATASET = Dataset(
    title="RaFD, Radboud Faces Database",
    paper="Langner, Dotsch, Bijlstra, Wigboldus, Hawk and van Knippenberg, Presentation and validation of "
    "the Radboud Faces Database, Cognition and Emotion 24(8), 2010",
    access="Academics ask on the page of Radboud University; archives called RafDDownload-....zip come back.",
    terms="scientific research, with citation",
    layout="""
Rafd090_01_Caucasian_female_angry_frontal.jpg ...   (in one folder or in zip files)
""",
    protocol="frontal camera, folds by person, accuracy; 7 or 8 classes",
    subjects="names of the pictures (67 people)",
    codes={
        **{"angry": "anger", "contemptuous": "contempt", "disgusted": "disgust", "fearful": "fear"},
        **{"happy": "happiness", "neutral": "neutral", "sad": "sadness", "surprised": "surprise"},
    },
    counts={
        "frontal": split_counts(EXPRESSIONS, all=[201] * 8),
        "all": split_counts(EXPRESSIONS, all=[1005] * 8),
    },
    counts_note="Computed as 67 people x 3 gazes x 1 or 5 cameras; not counted on a copy.",
    read=read,
    traps=(
        "A person stands in 120 pictures: only a split by person is one.",
        "The group `Kid` says an age, the others an origin.",
    ),
)
