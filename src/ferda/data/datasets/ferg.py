"""FERG-DB: six cartoon heads, drawn from 3-D models, each with seven expressions.

    FERG_DB_256/aia/aia_anger/aia_anger_1.png      256 x 256

The heads are the subjects: a model that is tested on the one it was trained on has seen every pose.
"""

from __future__ import annotations

from pathlib import Path

from ferda.data.datasets.base import Dataset, reading_of
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading

_NAME = r"(?P<subject>aia|bonnie|jules|malcolm|mery|ray)_(?P<code>[a-z]+)_\d+"


def read(root: Path) -> Reading:
    """Read FERG-DB.

    Args:
        root: The folder that holds the heads.

    Raises:
        UserError: If this is not FERG-DB, or an expression is none of its seven.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+")
    rows, warnings = rows_by_name(files, _NAME, DATASET.codes, DATASET.title)
    rows["subject"] = rows["subject"].str.lower()
    return reading_of(rows, files, title=DATASET.title, variant="256", warnings=warnings)


DATASET = Dataset(
    title="FERG-DB",
    paper="Aneja, Colburn, Faigin, Shapiro and Mones, Modeling stylized character expressions via deep "
    "learning, ACCV 2016",
    access="Form on the page of the GRAIL group, University of Washington.",
    terms="non-commercial research; may not be handed on",
    layout="""
FERG_DB_256/{aia,bonnie,jules,malcolm,mery,ray}/aia_anger/aia_anger_1.png ...
""",
    protocol="by head: train on some, report accuracy on the others; 7 classes",
    subjects="names of the pictures (6 heads)",
    codes={
        **{"anger": "anger", "disgust": "disgust", "fear": "fear", "joy": "happiness"},
        **{"neutral": "neutral", "sadness": "sadness", "surprise": "surprise"},
    },
    counts_note="The total is said to be 55,767; numbers of the classes are not known.",
    crop={"kind": "whole"},
    read=read,
    traps=(
        "Detectors of human faces miss cartoon heads: the pictures are taken whole.",
        "A random split puts the same head, pose and expression on both sides.",
    ),
)
