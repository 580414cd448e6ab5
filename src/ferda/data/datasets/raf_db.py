"""RAF-DB: faces from the web, labelled by forty people each, in seven basic or eleven compound expressions.

    basic/Image/aligned/train_00001_aligned.jpg      100 x 100, aligned by the owner; or aligned.zip
    basic/Image/original/train_00001.jpg             as found; or original.zip
    basic/EmoLabel/list_patition_label.txt           `train_00001.jpg 5`, codes from 1
    basic/Annotation/manual/train_00001_manu_attri.txt      five points, gender, race, age
    basic/Annotation/boundingbox/train_00001_boundingbox.txt

Boxes and points are of the original pictures. All neutral pictures come last in both parts: who takes the
first n rows gets none. Copies that lie in folders by class are no form of the owner's; what to do with them
is said when one is met.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
import pandas as pd

from ferda.data.datasets.base import Dataset, reading_of, split_counts, with_boxes
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.manifest import BOX, LANDMARKS
from ferda.data.readers.source import Reading
from ferda.errors import UserError
from ferda.expressions import BASIC

_LIST = r"EmoLabel/list_(patition|partition)_label\.txt"
_CLASS_FOLDER = r"(?:train|test|val|valid)/(?P<folder>[^/]+)/[^/]+\.(?:jpe?g|png)"
_STEM = re.compile(r"(train_\d{5}|test_\d{4})")
_COMPOUND = (
    *("happily surprised", "happily disgusted", "sadly fearful", "sadly angry", "sadly surprised"),
    *("sadly disgusted", "fearfully angry", "fearfully surprised", "angrily surprised"),
    *("angrily disgusted", "disgustedly surprised"),
)
_GENDER = {0: "male", 1: "female"}
_RACE = {0: "Caucasian", 1: "African-American", 2: "Asian"}
_AGE = {0: "0-3", 1: "4-19", 2: "20-39", 3: "40-69", 4: "70+"}


def read(
    root: Path,
    *,
    part: Literal["auto", "basic", "compound"] = "auto",
    images: Literal["aligned", "original"] = "aligned",
) -> Reading:
    """Read RAF-DB.

    Args:
        root: The folder that holds `basic`, or `basic` itself.
        part: Basic expressions, or compound ones, which get no expression but a column `compound`; `auto`
            takes the one that is there, basic if both are.
        images: `aligned`, or `original` with the owner's boxes and points.

    Raises:
        UserError: If this is not RAF-DB, or a label is none of its codes.
    """
    files = _open(root)
    lists = files.found(_LIST)
    found, label_file = _choose(lists, part, files)
    base = lists[label_file]["above"]
    prefix = f"{base}/" if base else ""
    rows = _labels(files, label_file, found)
    ending = "_aligned" if images == "aligned" else ""
    there = {
        match["stem"]: name
        for name, match in files.found(rf"(?P<stem>(train|test)_\d+){ending}\.(jpg|jpeg|png)").items()
        if name.startswith(prefix)
    }
    missing = f"{prefix}Image/{images}/"
    rows["file"] = [there.get(stem, f"{missing}{stem}{ending}.jpg") for stem in rows["stem"]]
    rows = _with_attributes(rows, files, prefix)
    rows = _with_boxes(rows, files, prefix)
    rows, crop = rows.drop(columns="stem"), None
    if images == "aligned":  # boxes and points belong to the originals
        rows = rows.drop(columns=[*BOX, *LANDMARKS])
    else:
        crop = {"kind": "aligned"}
    return reading_of(rows, files, title=DATASET.title, variant=found, crop=crop)


def _open(root: Path) -> OwnerFiles:
    """Open the owner's form; who has a copy in class folders is told how to read it."""
    try:
        return DATASET.open(root, _LIST, below=("Image", "EmoLabel", "Annotation"))
    except UserError:
        there = OwnerFiles(root).found(_CLASS_FOLDER).values() if root.exists() else ()
        if not there:
            raise
    folders = {match["folder"] for match in there}
    prepare = f"ferda prepare {root}"
    if folders <= set(DATASET.codes):
        advice = f"'{prepare} --option numbering=raf-db' reads it, if 1 to 7 are the owner's codes."
    elif folders <= set("01234567"):
        advice = f"'{prepare} --class-order ...' reads it; ask whose order it is, osa, manet or another."
    else:
        advice = f"'{prepare}' reads it."
    raise UserError(f"{root} is a copy of RAF-DB in folders by class, and not its owner's form. {advice}")


def _choose(lists: dict[str, re.Match[str]], part: str, files: OwnerFiles) -> tuple[str, str]:
    """Return the part and its label file."""
    parts: dict[str, str] = {}
    for name in lists:
        folders = name.lower().split("/")
        codes = {line.split()[-1] for line in files.lines(name)}
        is_compound = "compound" in folders or ("basic" not in folders and bool(codes & {*"89", "10", "11"}))
        parts["compound" if is_compound else "basic"] = name
    wanted = ("basic" if "basic" in parts else "compound") if part == "auto" else part
    if wanted not in parts:
        raise UserError(f"{files.root} holds RAF-DB's {' and '.join(parts)} part, and no {wanted} part.")
    return wanted, parts[wanted]


def _labels(files: OwnerFiles, label_file: str, part: str) -> pd.DataFrame:
    pairs = [line.split() for line in files.lines(label_file)]
    names = DATASET.codes if part == "basic" else dict(zip(map(str, range(1, 12)), _COMPOUND, strict=True))
    for row, pair in enumerate(pairs, 1):
        if len(pair) != 2 or not _STEM.fullmatch(PurePosixPath(pair[0]).stem) or pair[1] not in names:
            raise UserError(
                f"Line {row} of {label_file} is '{' '.join(pair)}'; it should be a picture and a code of "
                f"1 to {len(names)}, as in 'train_00001.jpg 5'."
            )
    stems = [PurePosixPath(name).stem for name, _ in pairs]
    meaning = [names[code] for _, code in pairs]
    return pd.DataFrame(
        {
            "stem": stems,
            "split": [stem.split("_")[0] for stem in stems],
            "source_label": [code for _, code in pairs],
            **({"expression": meaning} if part == "basic" else {"compound": meaning}),
        }
    )


def _with_attributes(rows: pd.DataFrame, files: OwnerFiles, prefix: str) -> pd.DataFrame:
    """Add five points, gender, race and age from the manual annotation, where there is one."""
    places = _annotations(files, prefix, "manu_attri")
    points = np.full((len(rows), 10), np.nan)
    people: dict[str, list[Any]] = {"gender": [], "race": [], "age": []}
    for row, stem in enumerate(rows["stem"]):
        numbers = _numbers(files, places[stem], 10) if stem in places else []
        if numbers:
            points[row] = numbers[:10]
        codes = [*map(int, numbers[10:13]), -1, -1, -1][:3]
        for found, words, code in zip(people.values(), (_GENDER, _RACE, _AGE), codes, strict=True):
            found.append(words.get(code))
    columns = pd.DataFrame(points, columns=list(LANDMARKS))
    known = {name: found for name, found in people.items() if any(found)}
    return pd.concat([rows, columns, pd.DataFrame(known)], axis=1)


def _with_boxes(rows: pd.DataFrame, files: OwnerFiles, prefix: str) -> pd.DataFrame:
    places = _annotations(files, prefix, "boundingbox")
    boxes = np.full((len(rows), 4), np.nan)
    for row, stem in enumerate(rows["stem"]):
        if stem in places:
            boxes[row] = _numbers(files, places[stem], 4)[:4]
    return with_boxes(rows, boxes)


def _annotations(files: OwnerFiles, prefix: str, kind: str) -> dict[str, str]:
    found = files.found(rf"(?P<stem>(train|test)_\d+)_{kind}\.txt")
    return {match["stem"]: name for name, match in found.items() if name.startswith(prefix)}


def _numbers(files: OwnerFiles, name: str, least: int) -> list[float]:
    try:
        numbers = [float(word) for word in files.text(name).split()]
    except ValueError:
        numbers = []
    if len(numbers) < least or not np.isfinite(numbers).all():
        raise UserError(f"{files.root / name} does not begin with {least} numbers, as RAF-DB's files do.")
    return numbers


DATASET = Dataset(
    title="RAF-DB",
    paper="Li, Deng and Du, Reliable crowdsourcing and deep locality-preserving learning, CVPR 2017",
    access="Ask by e-mail as the owner's page says (whdeng.cn, Real-world Affective Faces); a password for "
    "the archives comes back.",
    terms="non-commercial research and education; the owner holds no rights in the pictures",
    layout="""
basic/Image/aligned/train_00001_aligned.jpg ...   (or Image/aligned.zip)
basic/Image/original/train_00001.jpg ...          (or Image/original.zip)
basic/EmoLabel/list_patition_label.txt
basic/Annotation/{manual,boundingbox}/...         (or .zip)
compound/...                                      the same form
""",
    protocol="train on train, report accuracy and mean class accuracy on test; 7 classes (compound: 11)",
    codes=dict(zip(map(str, range(1, 8)), BASIC, strict=True)),
    counts={
        "basic": split_counts(
            BASIC,
            train=(1290, 281, 717, 4772, 1982, 705, 2524),
            test=(329, 74, 160, 1185, 478, 162, 680),
        )
    },
    counts_note="All numbers are certain. Of the compound part only the totals are known, 3,162 and 792.",
    faces="box and five points, of the original pictures",
    splits=("train", "test"),
    crop={"kind": "whole"},
    read=read,
    traps=(
        "Neutral pictures stand last in both parts: the first n rows hold none.",
        "Pictures that are aligned already, aligned once more, give other results.",
        "A copy goes round whose training part holds changed pictures of the test part: run `ferda check`.",
    ),
)
