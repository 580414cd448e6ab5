"""JAFFE: ten Japanese women, seven posed expressions, 213 grey pictures of 256 x 256.

    KA.AN1.39.tiff
    |  | | running number, the only key: MK.FE2.131 and MK.FE2.132 are two pictures
    |  | take
    |  expression: AN DI FE HA NE SA SU
    person

The label is what was posed. What others saw in it stands in a table of the owner's readme: means of six
ratings from 1 to 5, which become the columns `rating_happiness` and so on where the readme lies there. Its
rows have the running number and the picture's short name, and are used only where both are right.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from ferda.data.datasets.base import Dataset, reading_of, split_counts
from ferda.data.datasets.name_rows import rows_by_name
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.manifest import name_list
from ferda.data.readers.source import Reading

_NAME = r"(?P<subject>[A-Z]{2})\.(?P<code>[A-Z]{2})(?P<take>\d)\.(?P<number>\d+)"
_README = r"(?:A_)?README(?:_FIRST)?(?:\.txt)?"
_RATED = tuple(f"rating_{name}" for name in ("happiness", "sadness", "surprise", "anger", "disgust", "fear"))
#: A row of the table: number, six means in that order, picture. The table without fear has five.
_RATING = re.compile(r"(\d+)((?:\s+\d\.\d+){6})\s+([A-Z]{2}-[A-Z]{2}\d)")
_UNRATED = [float("nan")] * len(_RATED)
_CODES = {"AN": "anger", "DI": "disgust", "FE": "fear", "HA": "happiness", "NE": "neutral"} | {
    "SA": "sadness",
    "SU": "surprise",
}


def read(root: Path) -> Reading:
    """Read JAFFE.

    Args:
        root: The folder of the pictures.

    Raises:
        UserError: If this is not JAFFE, or an expression is none of the seven.
    """
    files = DATASET.open(root, rf"[A-Z]{{2}}\.(?:{'|'.join(_CODES)})\d\.\d+\.\w+")
    rows, warnings = rows_by_name(files, _NAME, _CODES, DATASET.title)
    rows["subject"], rows["number"] = rows["subject"].str.upper(), rows["number"].astype(int)
    if ratings := _ratings(files):
        picture = rows["subject"] + "-" + rows["source_label"].str.upper() + rows["take"]
        numbers = [ratings.get(key, _UNRATED) for key in zip(rows["number"], picture, strict=True)]
        rows[list(_RATED)] = np.array(numbers)
        if unrated := rows["file"][rows[_RATED[0]].isna()].tolist():
            warnings.append(f"The readme has no ratings of {len(unrated)} pictures: {name_list(unrated, 5)}.")
    return reading_of(rows, files, title=DATASET.title, variant="original", warnings=warnings)


def _ratings(files: OwnerFiles) -> dict[tuple[int, str], list[float]]:
    """Return six means for each number and picture of the readme's table."""
    found = (_RATING.fullmatch(line) for name in files.found(_README) for line in files.lines(name))
    return {(int(row[1]), row[3]): [float(mean) for mean in row[2].split()] for row in found if row}


DATASET = Dataset(
    title="JAFFE",
    paper="Lyons, Akamatsu, Kamachi and Gyoba, Coding facial expressions with Gabor wavelets, FG 1998",
    access="Ask on Zenodo, record 3451524, and follow the instructions there to the letter.",
    terms="non-commercial scientific research, with citation; not to be handed on",
    layout="""
KA.AN1.39.tiff ...                  213 pictures in one folder (or jaffedbase.zip)
README_FIRST.txt                    ratings, may be absent
""",
    protocol="leave one person out, or 10 folds by person, accuracy; across data sets all 213 pictures are "
    "training target and test",
    subjects="names of the pictures (10 people)",
    codes=_CODES,
    counts={"original": split_counts(tuple(_CODES.values()), all=(30, 29, 32, 31, 30, 31, 30))},
    counts_note="All numbers are certain.",
    read=read,
    traps=(
        "The label is the posed expression, for many pictures not the one that is rated highest.",
        "Fear is rated poorly; some studies leave it out.",
        "Copies called surprise_1.jpg have lost the person: with them no split by person is possible.",
        "A program that looks for `AN` anywhere in a name finds it in people, too.",
    ),
)
