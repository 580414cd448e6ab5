"""AKDEF: the seventy averages of KDEF, grey, one for each gender, expression and view.

    AKDEF/FAFFL.JPG
          || view, as in KDEF
          |expression: AF is afraid
          F or M: thirty-five women or men in one picture

Nobody in particular is shown, so there are no people to hold out; the pictures are made of KDEF's and have no
place beside them.
"""

from __future__ import annotations

from pathlib import Path

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.kdef import CODES, GENDERS, VIEWS
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading

_NAME = r"(?P<gender>[FM])(?P<code>[A-Z]{2})(?P<view>FL|HL|S|HR|FR)"


def read(root: Path) -> Reading:
    """Read AKDEF.

    Args:
        root: The folder of the pictures.

    Raises:
        UserError: If this is not AKDEF, or an expression is none of its seven.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+")
    rows, warnings = rows_by_name(files, _NAME, CODES, DATASET.title)
    rows["gender"] = rows["gender"].str.upper().map(GENDERS)
    rows["view"] = rows["view"].str.upper().map(VIEWS)
    return reading_of(rows, files, title=DATASET.title, variant="averages", warnings=warnings)


DATASET = Dataset(
    title="AKDEF, averages of the Karolinska Directed Emotional Faces",
    paper="Lundqvist and Litton, The Averaged Karolinska Directed Emotional Faces, Karolinska "
    "Institutet, 1998",
    access="Form on kdef.se, with KDEF.",
    terms="free for non-commercial research, with citation",
    layout="""
AKDEF/FAFFL.JPG ...    (70 pictures)
""",
    protocol="none of its own; stimuli in psychology, and something to look at",
    codes=CODES,
    counts={"averages": split_counts(tuple(CODES.values()), all=[10] * 7)},
    counts_note="Certain: 2 genders x 5 views of each expression.",
    read=read,
    traps=(
        "Each picture holds 35 people of KDEF: never one in training and the other in the test.",
        "AF is afraid, not anger.",
    ),
)
