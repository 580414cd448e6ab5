"""A list without a header, `path class` on each line, as the programs of this field are fed.

    CK/S010_004_00000017.png 5

So write LA-CMFER, DUML and the CD-FER programs (AGRA, AGLRLS), and so is RAF-DB's own label file. Some put a
box between path and class, and CD-FER's rows of ExpW go on with five points; which of these forms a list has
is seen from the number of its columns (`FORMS`). `point_files` reads boxes and points in files of their own.

Such lists were often written by hand and on Windows: carriage returns, backslashes, a missing last newline
and pictures that are named several times are taken as they come; the column `listed` counts the last.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pandas as pd

from ferda.data.manifest import (
    BOX,
    LANDMARKS,
    SPLITS,
    check_manifest,
    complete_manifest,
    file_problem,
    name_list,
)
from ferda.data.readers.point_files import Pointless, with_files
from ferda.data.readers.rows import counted, forward_name, pictures_beside, without_missing, without_repeats
from ferda.data.readers.source import Reading, image_source, is_picture
from ferda.data.readers.words import Words, number_advice, split_name
from ferda.errors import UserError, nearest

LIST_SUFFIXES = (".txt", ".lst", ".list", "")
_CORNERS = ("left", "top", "right", "bottom")
#: What the columns behind the path are, by how many there are; any other number ends in the class.
FORMS: dict[int, tuple[str, ...]] = {
    1: ("label",),
    5: (*_CORNERS, "label"),
    7: ("face", "top", "left", "right", "bottom", "confidence", "label"),
    16: ("face", *_CORNERS, "label", *LANDMARKS),
}


def read(
    root: Path,
    *,
    images: Path | str | None = None,
    prefix: str = "",
    strip: str = "",
    ending: str = "",
    names: Mapping[str, str] | None = None,
    numbering: str | None = None,
    class_order: str | Sequence[str] | None = None,
    split: str | None = None,
    boxes: Path | str | None = None,
    points: Path | str | None = None,
    without_points: Pointless = "keep",
    unknown: Literal["error", "unlabelled"] = "error",
    missing: Literal["error", "skip"] = "error",
) -> Reading:
    """Read a list and find its pictures.

    Args:
        root: The list.
        images: Folder or zip file of the pictures; by default the zip of the list's name, else its folder.
        prefix: Folder within, put before every path of the list.
        strip: Taken off the front of every path, where the list holds those of another machine.
        ending: Put behind every name, before `.jpg`: `_aligned` for RAF-DB's aligned pictures.
        names: The owner's number -> expression.
        numbering: For numbers as the owner counts: `raf-db` counts from 1.
        class_order: For numbers from 0: the expressions in order, or whose order it is (`la-cmfer`).
        split: The split of all rows; else it is seen from their names (`train_00001.jpg`) or folders, if from
            all of them.
        boxes: Folder of a file for each picture with left, top, right, bottom.
        points: Folder of a file for each picture with five lines `x y`.
        without_points: Rows without landmarks: keep them, or leave them out as the CD-FER programs do.
        unknown: What to do with classes that are no expression: stop, or keep the rows unlabelled.
        missing: What to do with rows whose picture is missing: stop, or list them as unusable.

    Raises:
        UserError: If lines, classes or pictures are not as they should be; every case is named.
    """
    words = Words(names, numbering, class_order)
    owner, warnings = _rows(root)
    manifest = _manifest(owner, words, [_name(file, strip, ending) for file in owner["file"]], root, split)
    where = f"The last column of {root}" if "left_eye_x" not in owner else f"The class column of {root}"
    if words.unknown and unknown == "error":
        words.refuse_unknown(where, number_advice(words.unknown))
    if words.unknown:
        warnings.append(f"{root}: kept without a label: {words.describe_unknown()}.")
    warnings += words.doubts(where)
    source = image_source(Path(images) if images else pictures_beside(root), prefix)
    manifest, unusable = without_missing(manifest, source, root, missing)
    manifest, pointless, said = with_files(manifest, boxes, points, without_points)
    unusable, warnings = pd.concat([unusable, pointless], ignore_index=True), warnings + said
    warnings += _doubtful_boxes(manifest, root)
    manifest = without_repeats(manifest, root, warnings)
    check_manifest(manifest, str(root))
    found = f"{len(manifest)} pictures in {source.root} ({counted(manifest['expression'])})"
    told = f"{root}: {len(owner)} lines, {found}."
    return Reading(manifest, source, told, tuple(warnings), unusable)


def is_list(path: Path) -> bool:
    """Say whether a text file's first line names a picture and something behind it.

    Args:
        path: A file.
    """
    if path.suffix.lower() not in LIST_SUFFIXES:
        return False
    with path.open("rb") as stream:
        first = next((line for line in (stream.readline(4096) for _ in range(20)) if line.strip()), b"")
    parts = _parts(first.decode("utf-8-sig", errors="replace"))
    return len(parts) > 1 and is_picture(parts[0].replace("\\", "/"))


def _parts(line: str) -> list[str]:
    """The path, which may hold blanks, and the columns behind it: the numbers at the end, or one word."""
    fields = line.split()
    numbers = 0
    while numbers < len(fields) - 1 and _is_number(fields[-1 - numbers]):
        numbers += 1
    return line.strip().rsplit(None, max(numbers, 1))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _rows(root: Path) -> tuple[pd.DataFrame, list[str]]:
    """Return the columns of the list by name, all text, and warnings."""
    data = root.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    lines = [(number, _parts(line)) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise UserError(f"{root} has no lines.")
    width = Counter(len(parts) for _, parts in lines).most_common(1)[0][0]
    odd = [str(number) for number, parts in lines if len(parts) != width or width < 2]
    if odd:
        raise UserError(
            f"{len(odd)} of {len(lines)} lines of {root} are not like the others (a path and "
            f"{max(width - 1, 1)} more columns): lines {name_list(odd)}. Correct them."
        )
    form = FORMS.get(width - 1, (*(f"column_{number}" for number in range(2, width)), "label"))
    warnings = []
    if width - 1 not in FORMS:
        warnings.append(
            f"{root}: {width} columns are no form that ferda knows; the first is taken for the path and the "
            "last for the class, the others are carried along."
        )
    return pd.DataFrame([parts for _, parts in lines], columns=["file", *form], dtype=str), warnings


def _manifest(
    owner: pd.DataFrame, words: Words, files: Sequence[str], root: Path, split: str | None
) -> pd.DataFrame:
    if leaving := sorted({file for file in files if file_problem(file)}):
        # of sorted names the first and the last have in common what all have
        folders = zip(*(name.split("/")[:-1] for name in (leaving[0], leaving[-1])), strict=False)
        front = "".join(f"{name}/" for name, other in takewhile(lambda pair: pair[0] == pair[1], folders))
        raise UserError(
            f"{len(leaving)} paths of {root} leave the folder of the pictures: {name_list(leaving)}. Take "
            f"their front off by strip=, say --option strip={front or 'their/folder/'}, and give --root the "
            "folder that it stands for."
        )
    listed = pd.Series(files).map(Counter(files))
    columns: dict[str, object] = {
        "file": files,
        "expression": [words.expression(code) for code in owner["label"]],
    }
    columns |= {"source_label": owner["label"], "split": _splits(files, split), "listed": listed}
    if "left" in owner:
        left, top, right, bottom = (pd.to_numeric(owner[corner], errors="coerce") for corner in _CORNERS)
        columns |= dict(zip(BOX, (left, top, right - left, bottom - top), strict=True))
        # a face is counted, not its picture: several of one picture are no repeat
        listed[:] = owner.groupby(["file", *_CORNERS])["label"].transform("size")
    taken = ("file", "label", *_CORNERS)
    columns |= {
        name: pd.to_numeric(owner[name], errors="coerce") for name in owner.columns if name not in taken
    }
    return complete_manifest(pd.DataFrame(columns))


def _name(file: str, strip: str, ending: str) -> str:
    name = (forward_name(file) or "").removeprefix(strip.replace("\\", "/")).removeprefix("./")
    suffix = PurePosixPath(name).suffix if ending else ""
    return f"{name[: len(name) - len(suffix)]}{ending}{suffix}"


def _splits(files: Sequence[str], split: str | None) -> list[str | None]:
    if split is not None and split not in SPLITS:
        raise UserError(f"There is no split '{split}'{nearest(split, SPLITS)}; known: {', '.join(SPLITS)}.")
    found = [_split_of(PurePosixPath(file)) for file in files]
    return [split] * len(files) if split or None in found else found


def _split_of(file: PurePosixPath) -> str | None:
    words = (file.name.partition("_")[0], *reversed(file.parts[:-1]))
    return next((name for word in words if (name := split_name(word))), None)


def _doubtful_boxes(manifest: pd.DataFrame, root: Path) -> list[str]:
    """Warn where noses lie outside their boxes: corners in another order would cut out something else."""
    columns = [["nose_x", "nose_y"], ["box_x", "box_y"], ["box_w", "box_h"]]
    nose, corner, size = (manifest[pair].to_numpy(dtype=float) for pair in columns)
    inside = nose - corner
    known = np.isfinite(inside).all(1) & np.isfinite(size).all(1)
    outside = known & ~((inside >= 0) & (inside <= size)).all(1)
    if outside.sum() <= 0.5 * known.sum():
        return []
    return [
        f"{root}: {int(outside.sum())} of {int(known.sum())} noses lie outside their boxes; are the corners "
        "in the order left, top, right, bottom?"
    ]
