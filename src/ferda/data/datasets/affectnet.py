"""AffectNet: faces from web searches in eight expressions, with valence and arousal; two releases.

The first has pictures as they were found, and tables with a box and 68 points of the face in each:

    Manually_Annotated/Manually_Annotated_Images/689/737db2...63ca.jpg      any format, whatever the ending
    Manually_Annotated_file_lists/{training,validation}.csv                 nine columns, header or not
    Automatically_Annotated/..., automatically_annotated.csv                labelled by a program

The second, of 2021, has faces cut out, new names, and a file for each value:

    train_set/images/0.jpg            224 x 224
    train_set/annotations/0_exp.npy   also 0_val.npy, 0_aro.npy and, with 68 points, 0_lnd.npy; and val_set

By its name no picture of the one is found in the other. Codes 8 to 10 are no expression: such pictures are
left out and listed, and so are pictures that several rows give different codes; what stands in several rows
is taken once, from the validation part if it is there. Valence and arousal of -2 mean that nobody rated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pandas as pd

from ferda.data.datasets.base import Dataset, five_of_68, reading_of, split_counts, with_boxes, with_points
from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.readers.rows import forward_name, numbers
from ferda.data.readers.source import Reading
from ferda.data.readers.table import table_parts
from ferda.errors import UserError
from ferda.expressions import CLASS_ORDERS

_ORDER = CLASS_ORDERS["affectnet"]
_NONE = {8: "none of the expressions", 9: "uncertain", 10: "no face"}
_BOX = ("face_x", "face_y", "face_width", "face_height")
_COLUMNS = ("subDirectory_filePath", *_BOX, "facial_landmarks", "expression", "valence", "arousal")
_LISTS = {"manual": r"(?:Manually_)?(training|validation)\.csv", "automatic": r"automatically_annotated\.csv"}
_ARRAYS = r"annotations/(?P<id>\d+)_(?P<kind>exp|val|aro|lnd)\.npy"
_MARKER = rf"(?:{'|'.join(_LISTS.values())}|{_ARRAYS})"
_BELOW = ("Manually_Annotated", "Automatically_Annotated")
_TOGETHER = 10_000  # faces whose 68 points are in memory
_SPLITS = {"training": "train", "train_set": "train", "validation": "val", "val_set": "val"}
#: Copies that other readers read, and what is typed behind `ferda prepare ROOT`.
_COPIES = {
    r"\d+(?P<mark>[s_])\d+(?P=mark)-?\d+(?P=mark)-?\d+\.jpe?g": "",
    r"[^/]+/[0-7]/[^/]+\.(?:jpe?g|png)": " --class-order affectnet",
}


def read(
    root: Path, *, part: Literal["manual", "automatic"] = "manual", classes: Literal[8, 7] = 8
) -> Reading:
    """Read AffectNet.

    Args:
        root: The folder that holds the lists and pictures of the first release, or `train_set` and `val_set`.
        part: What people labelled, or what a program did: only in the first release, and in no split.
        classes: 7 leaves contempt out.

    Raises:
        UserError: If this is not AffectNet, or a code is none of its.
    """
    files = _open(root)
    lists, arrays = files.found(_LISTS[part]), files.found(_ARRAYS)
    if not lists and (part == "automatic" or not arrays):
        raise UserError(f"{files.root} holds no {part} part; choose the other with --option part=.")
    if lists:
        pictures = _pictures(files, part)
        rows = pd.concat([_table_rows(files, name, pictures) for name in lists], ignore_index=True)
        there, crop = set(pictures.values()), None
    else:
        rows, there, crop = _array_rows(files, arrays), set(files.files()), {"kind": "whole"}
    said = []
    if unlisted := len(there.difference(rows["file"])):
        said.append(f"{unlisted} pictures are not annotated and were left out.")
    rows, dropped = _sorted_out(rows, classes, files)
    for what, column in (("box with an area", "box_x"), ("68 points", "nose_x")):
        if column in rows and (without := int(rows[column].isna().sum())):
            said.append(f"{without} faces have no {what}.")
    variant = ("tables" if lists else "arrays") + f", {part}" * (part == "automatic")
    variant += f", {classes} classes" * (classes == 7)
    return reading_of(
        rows, files, title=DATASET.title, variant=variant, warnings=said, dropped=dropped, crop=crop
    )


def _open(root: Path) -> OwnerFiles:
    """Open one of the owner's forms; who has a copy in another is told how to read it."""
    try:
        return DATASET.open(root, _MARKER, below=_BELOW)
    except UserError:
        files = OwnerFiles(root) if root.is_dir() else None
        typed = [words for copy, words in _COPIES.items() if files and files.found(copy)]
        if not typed:
            raise
    raise UserError(f"{root} is a copy of AffectNet by others; 'ferda prepare {root}{typed[0]}' reads it.")


def _pictures(files: OwnerFiles, part: str) -> dict[str, str]:
    """Return the pictures of a part by folder and name, and by name alone, if somebody lost the folders."""
    found: dict[str, str] = {}
    for file in files.files():
        if ("automatically_annotated" in file.lower()) == (part == "automatic"):
            *_, folder, name = ("", *file.split("/"))
            found[f"{folder}/{name}"] = file
            found.setdefault(name, file)
    return found


def _table_rows(files: OwnerFiles, table: str, pictures: Mapping[str, str]) -> pd.DataFrame:
    where = files.root / table
    split = _SPLITS.get(PurePosixPath(table).stem.lower().removeprefix("manually_"))
    parts = []
    with files.open(table) as stream:
        for part in table_parts(stream, where, _COLUMNS):
            if absent := [column for column in _COLUMNS if column not in part]:
                raise UserError(f"{where} has no column '{absent[0]}', as AffectNet's lists have.")
            parts.append(_rows(part, pictures))
    return pd.concat(parts).assign(split=split)


def _rows(part: pd.DataFrame, pictures: Mapping[str, str]) -> pd.DataFrame:
    paths = [str(forward_name(path)) for path in part["subDirectory_filePath"]]
    ends = ["/".join(path.split("/")[-2:]) for path in paths]
    rows = pd.DataFrame(
        {
            "file": [
                pictures.get(end) or pictures.get(end.rsplit("/", 1)[-1]) or path
                for end, path in zip(ends, paths, strict=True)
            ],
            "source_label": part["expression"].str.strip().to_numpy(),
            **{name: _number(part[name]) for name in ("valence", "arousal")},
        }
    )
    x, y, width, height = (_number(part[name]) for name in _BOX)
    points = [_points(numbers(text, ";")) for text in part["facial_landmarks"]]
    rows = with_boxes(rows, np.stack([x, y, x + width, y + height], axis=1))
    return with_points(rows, five_of_68(np.stack(points)))


def _number(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float)


def _points(found: np.ndarray) -> np.ndarray:
    return found.reshape(68, 2) if found.size == 2 * 68 else np.full((68, 2), np.nan)


def _array_rows(files: OwnerFiles, arrays: Mapping[str, re.Match[str]]) -> pd.DataFrame:
    kinds: dict[tuple[str, int], dict[str, str]] = {}
    for name, match in arrays.items():
        kinds.setdefault((match["above"] or "", int(match["id"])), {})[match["kind"]] = name
    faces = sorted(face for face, kind in kinds.items() if "exp" in kind)
    found = files.found(r"images/(?P<id>\d+)\.(?:jpe?g|png)")
    pictures = {(match["above"] or "", int(match["id"])): name for name, match in found.items()}
    parts = [_face_rows(files, faces[i : i + _TOGETHER], kinds) for i in range(0, len(faces), _TOGETHER)]
    listed = [pictures.get(face, f"{face[0]}/images/{face[1]}.jpg") for face in faces]
    folders = [PurePosixPath(folder or files.root.stem).name.lower() for folder, _ in faces]
    return pd.concat(parts, ignore_index=True).assign(file=listed, split=pd.Series(folders).map(_SPLITS))


def _face_rows(
    files: OwnerFiles, faces: list[tuple[str, int]], kinds: Mapping[tuple[str, int], Mapping[str, str]]
) -> pd.DataFrame:
    code, valence, arousal, points = (
        [_array(files, kinds[face].get(kind)) for face in faces] for kind in ("exp", "val", "aro", "lnd")
    )
    rows = pd.DataFrame(
        {
            "source_label": [f"{array[0]:g}" for array in code],
            "valence": [array[0] for array in valence],
            "arousal": [array[0] for array in arousal],
        }
    )
    return with_points(rows, five_of_68(np.stack([_points(array) for array in points])))


def _array(files: OwnerFiles, name: str | None) -> np.ndarray:
    """Return a file's numbers, which may be written as text; without a file one that is unknown."""
    if name is None:
        return np.array([np.nan])
    try:
        with files.open(name) as stream:
            array = np.lib.format.read_array(stream, allow_pickle=False)
        if array.size:
            return array.astype(float).reshape(-1)
        raise ValueError("it is empty")
    except Exception as error:  # a damaged archive raises nearly anything
        raise UserError(f"{files.root / name} does not hold numbers, as AffectNet's do ({error}).") from error


def _sorted_out(rows: pd.DataFrame, classes: int, files: OwnerFiles) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows that are of use, with their labels, and the others with the reason."""
    code = pd.to_numeric(rows["source_label"], errors="coerce")
    if (is_bad := ~code.isin(range(len(_ORDER) + len(_NONE)))).any():
        file, label = rows.loc[is_bad, ["file", "source_label"]].iloc[0]
        raise UserError(f"{files.root} gives '{file}' the class '{label}'; AffectNet's are 0 to 10.")
    reason = code.map(_NONE if classes == len(_ORDER) else _NONE | {7: "contempt, not one of 7 classes"})
    reason[reason.isna() & rows.duplicated("file", keep="last")] = "listed again"
    reason[code.groupby(rows["file"]).transform("nunique") > 1] = "listed with several classes"
    affect = rows[["valence", "arousal"]]
    rows = rows.assign(expression=code.map(dict(enumerate(_ORDER))), **affect.where(affect.abs() <= 1))
    dropped = pd.DataFrame({"file": rows["file"], "reason": reason})[reason.notna()]
    return rows[reason.isna()], dropped


_TRAIN = (74874, 134415, 25459, 14090, 6378, 3803, 24882, 3750)

DATASET = Dataset(
    title="AffectNet",
    paper="Mollahosseini, Hasani and Mahoor, AffectNet: a database for facial expression, valence, and "
    "arousal computing in the wild, IEEE Transactions on Affective Computing 10(1), 2019",
    access="A request form and a licence agreement on mohammadmahoor.com; heads of laboratories and "
    "professors may ask, students through them.",
    terms="research only, under the agreement",
    layout="""
Manually_Annotated/Manually_Annotated_Images/689/737db2...63ca.jpg ...
Manually_Annotated_file_lists/{training,validation}.csv
Automatically_Annotated/..., Automatically_Annotated_file_lists/automatically_annotated.csv  (may be absent)
or, released in 2021:
train_set/images/0.jpg ...   train_set/annotations/{0_exp.npy,0_val.npy,0_aro.npy,0_lnd.npy} ...
val_set/images/...           val_set/annotations/...
""",
    protocol="train on train, balanced or with class weights; report accuracy on val, which serves as test; "
    "8 classes, or 7 without contempt; root mean squared error and CCC of valence and arousal",
    faces="68 points, of which ferda takes five; in the first release also a box",
    splits=("train", "val"),
    codes={str(code): expression for code, expression in enumerate(_ORDER)},
    counts={
        f"{form}{seven}": split_counts(_ORDER[:classes], train=_TRAIN[:classes], val=val[:classes])
        for form, val in (("tables", [500] * 8), ("arrays", [500] * 5 + [499] + [500] * 2))
        for classes, seven in ((8, ""), (7, ", 7 classes"))
    },
    counts_note="The first release is certain to one or two rows. Of the second one validation picture is "
    "missing, probably one of disgust.",
    crop={"kind": "box"},
    read=read,
    traps=(
        "Some programs take rows from face_x and columns from face_y, and so cut out something else.",
        "Many training pictures are there several times, under several names: run `ferda check`.",
        "Small copies in class folders go round as the full set; compare the counts.",
        "Valence and arousal of -2 are no ratings; an average over them is wrong.",
    ),
)
