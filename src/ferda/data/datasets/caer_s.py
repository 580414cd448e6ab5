"""CAER-S: single frames of television shows, whole scenes with their context, in seven classes.

    CAER-S/train/Anger/0001.png      about 712 x 400, often with several people
    CAER-S/test/Surprise/0001.png

Some copies call the first class `Angry`. The paper speaks of a validation part; the download has none. The
frames come from 79 shows, and neighbours in a folder are nearly the same picture, so only the owner's split
keeps training and test apart.
"""

from __future__ import annotations

from pathlib import Path

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading

_NAME = r"(?P<split>train|test)/(?P<code>anger|angry|disgust|fear|happy|neutral|sad|surprise)/\d+"


def read(root: Path) -> Reading:
    """Read CAER-S.

    Args:
        root: The folder that holds `train` and `test`.

    Raises:
        UserError: If this is not CAER-S.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+", below=("train", "test"))
    rows, warnings = rows_by_name(files, _NAME, DATASET.codes, DATASET.title)
    rows["split"] = rows["split"].str.lower()
    return reading_of(rows, files, title=DATASET.title, variant="frames", warnings=warnings)


DATASET = Dataset(
    title="CAER-S",
    paper="Lee, Kim, Kim, Park and Sohn, Context-aware emotion recognition networks, ICCV 2019",
    access="Open download from caer-dataset.github.io.",
    terms="research",
    layout="""
CAER-S/train/{Anger,Disgust,Fear,Happy,Neutral,Sad,Surprise}/0001.png ...   (or Angry for Anger)
CAER-S/test/...
""",
    protocol="train on train, report accuracy on test; 7 classes, faces alone or with their context",
    splits=("train", "test"),
    codes={
        **{"Anger": "anger", "Angry": "anger", "Disgust": "disgust", "Fear": "fear", "Happy": "happiness"},
        **{"Neutral": "neutral", "Sad": "sadness", "Surprise": "surprise"},
    },
    counts_note="Certain are 48,995 training and 20,987 test pictures, about 7,000 and 3,000 of each class; "
    "the exact number of each class is not known.",
    read=read,
    traps=(
        "Where a frame shows two faces nobody has said which is meant; ferda takes the one its detector is "
        "surest of.",
        "Neighbouring frames are nearly copies: a random split of the training part measures memory.",
        "There is no validation part; papers that do not say where they stopped stopped on the test part.",
    ),
)
