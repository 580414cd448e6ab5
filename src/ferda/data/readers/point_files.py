"""Boxes and landmarks in text files of their own, one for each picture, as the CD-FER programs keep them.

`points/a/b.txt` belongs to the picture `a/b.jpg`: five lines `x y` in pixels of the whole picture, in the
order of `ferda.landmarks.FIVE_POINTS` (the eye that stands left in the picture first). A box file holds left,
top, right and bottom. RAF-DB's own files bear a suffix (`train_00001_manu_attri.txt`, `..._boundingbox.txt`);
they are found as well, and their further lines (gender, race, age) are left alone.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pandas as pd

from ferda.data.manifest import BOX, LANDMARKS, name_list
from ferda.errors import UserError

#: What owners put behind a picture's name.
_ENDINGS = ("", "_manu_attri", "_boundingbox")

Pointless = Literal["keep", "skip"]


def with_files(
    manifest: pd.DataFrame, boxes: Path | str | None, points: Path | str | None, without_points: Pointless
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Fill the box and landmark columns of a manifest from files.

    Args:
        manifest: A row whose file is missing keeps what it has.
        boxes: Folder of box files, or None.
        points: Folder of landmark files, or None.
        without_points: What to do with rows that have no landmarks then: keep them, or list them as unusable.

    Returns:
        The manifest, the rows left out with the reason, and a warning for each folder that lacks files.

    Raises:
        UserError: If a folder does not exist, belongs to other pictures, or a file holds something else.
    """
    warnings, manifest = [], manifest.copy()
    for given, columns, count in ((boxes, BOX, 4), (points, LANDMARKS, 10)):
        if given is None:
            continue
        folder = Path(given)
        if not folder.is_dir():
            raise UserError(f"There is no folder {folder}.")
        found = [_find(folder, file) for file in manifest["file"]]
        there = np.array([path is not None for path in found])
        if not there.any():
            raise UserError(
                f"{folder} has no file for any picture, the first would be called "
                f"'{PurePosixPath(manifest['file'].iloc[0]).with_suffix('.txt')}'."
            )
        numbers = np.array([_numbers(path, count) for path in found if path is not None])
        if columns is BOX:
            numbers[:, 2:] -= numbers[:, :2]
        manifest.loc[there, list(columns)] = numbers
        if not there.all():
            lost = manifest["file"][~there].tolist()
            warnings.append(f"{folder}: no file for {len(lost)} pictures: {name_list(lost, 5)}.")
    keep = manifest[list(LANDMARKS)].notna().all(axis=1) | (without_points == "keep")
    if not keep.any():
        raise UserError("No picture has landmarks; give their folder as points=, or keep all pictures.")
    unusable = pd.DataFrame({"file": manifest["file"][~keep], "reason": "it has no landmarks"})
    return manifest[keep].reset_index(drop=True), unusable.reset_index(drop=True), warnings


def _find(folder: Path, file: str) -> Path | None:
    """Return the file that belongs to a picture, in the same sub-folder or beside all others."""
    name = PurePosixPath(file)
    stems = dict.fromkeys((str(name.with_suffix("")), name.stem))
    paths = (folder / f"{stem}{ending}.txt" for stem in stems for ending in _ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def _numbers(path: Path, count: int) -> list[float]:
    try:
        numbers = [float(word) for word in path.read_text(encoding="latin-1").split()[:count]]
    except ValueError:
        numbers = []
    if len(numbers) < count or not np.isfinite(numbers).all():
        raise UserError(f"{path} does not begin with {count} numbers, as it should.")
    return numbers
