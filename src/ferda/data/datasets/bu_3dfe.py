"""BU-3DFE: a hundred people, six expressions at four strengths, scanned in 3-D; ferda reads the photographs.

    F0001/F0001_AN01WH_F2D.bmp      person (F or M and a number), expression, strength 01 to 04, origin
    F0001/F0001_NE00WH_F2D.bmp      neutral has the strength 00, once for each person

Beside each photograph lie the scan (`_F3D.wrl`) and its parts (`_RAW`, `_F3D.bmp`), which are no photographs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.readers.source import Reading
from ferda.expressions import BASIC

_NAME = r"(?P<subject>[FM]\d{4})_(?P<code>[A-Z]{2})(?P<level>\d{2})(?P<race>[A-Z]{2})_F2D"


def read(root: Path, *, levels: Literal["all", "high"] = "all") -> Reading:
    """Read the photographs of BU-3DFE.

    Args:
        root: The folder that holds the people's folders.
        levels: All four strengths, or the two highest; the neutral face always.

    Raises:
        UserError: If this is not BU-3DFE, or an expression is none of its seven.
    """
    files = DATASET.open(root, rf"{_NAME}\.\w+")
    rows, warnings = rows_by_name(files, _NAME, DATASET.codes, DATASET.title)
    rows["subject"] = rows["subject"].str.upper()
    rows["gender"] = rows["subject"].str[0].map({"F": "female", "M": "male"})
    rows["level"] = rows["level"].astype(int)
    if levels == "high":
        rows = rows[(rows["level"] > 2) | (rows["expression"] == "neutral")]
    return reading_of(rows, files, title=DATASET.title, variant=levels, warnings=warnings)


DATASET = Dataset(
    title="BU-3DFE",
    paper="Yin, Wei, Sun, Wang and Rosato, A 3D facial expression database for facial behavior research, "
    "FG 2006",
    access="Licence agreement with Binghamton University; a rar file for each person comes back, to be "
    "unpacked.",
    terms="research under the licence agreement",
    layout="""
F0001/F0001_AN01WH_F2D.bmp ...    25 photographs a person, F0001 to F0056 and M0001 to M0044
M0044/...
""",
    protocol="strengths 3 and 4, or all; folds by person, accuracy; 6 classes, or 7 with neutral",
    subjects="names of the pictures (100 people)",
    codes={
        **{"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness"},
        **{"NE": "neutral", "SA": "sadness", "SU": "surprise"},
    },
    counts={
        "all": split_counts(BASIC, all=[400] * 6 + [100]),
        "high": split_counts(BASIC, all=[200] * 6 + [100]),
    },
    counts_note="The 2,500 photographs are published; the classes are computed as 100 people x 4 strengths.",
    read=read,
    traps=(
        "Strength 1 is hardly seen: numbers on all strengths and on 3 and 4 do not compare.",
        "`_F3D.bmp` is the skin of the scan and no photograph.",
    ),
)
