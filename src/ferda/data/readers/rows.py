"""What every reader of a table or a list does with its rows: names, missing pictures, repeats, counts."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from ferda.data.manifest import BOX, LANDMARKS, name_list
from ferda.data.readers.source import ImageSource
from ferda.errors import UserError


def forward_name(file: str | None) -> str | None:
    """Return a picture's name with forward slashes, however its owner wrote it.

    Args:
        file: For instance `./train/a.png`, or with backslashes.
    """
    return None if file is None or pd.isna(file) else str(file).strip().replace("\\", "/").removeprefix("./")


def pictures_beside(root: Path) -> Path:
    """Return where the pictures of a table or list are looked for: the zip file of its name, or its folder.

    Args:
        root: The table or list.
    """
    archive = root.with_suffix(".zip")
    return archive if archive.is_file() else root.parent


def without_missing(
    manifest: pd.DataFrame, source: ImageSource, root: Path, missing: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows whose picture is there, and those left out with the reason.

    Args:
        manifest: Rows with `file`.
        source: Where pictures should be.
        root: The table or list, for messages.
        missing: `error`, or `skip` to leave rows out.

    Raises:
        UserError: If pictures are missing and may not be, or none is there.
    """
    there = source.files()
    is_missing = ~manifest["file"].isin(there)
    lost = [str(file) for file in manifest["file"][is_missing]]
    if lost and (missing == "error" or len(lost) == len(manifest)):
        example = f"; a picture there is called '{there[0]}'" if there else ", which holds no picture"
        none = len(lost) == len(manifest)
        advice = "Give the pictures' folder or zip file as images= (--root), or prefix="
        advice += "." if none else ", or leave them out by missing='skip' (--option missing=skip)."
        raise UserError(
            f"{len(lost)} of {len(manifest)} pictures of {root} are missing in {source.root}{example}: "
            f"{name_list(lost)}. {advice}"
        )
    unusable = pd.DataFrame(
        {"file": lost, "reason": [f"{root.name} names it, but it is missing"] * len(lost)}
    )
    return manifest[~is_missing].reset_index(drop=True), unusable


def without_repeats(manifest: pd.DataFrame, root: Path, told: list[str]) -> pd.DataFrame:
    """Drop exact repeats with a warning; refuse one picture (or one face in it) with two labels.

    Args:
        manifest: Rows as `complete_manifest` returns them.
        root: The table or list, for messages.
        told: The warning is put here.

    Raises:
        UserError: If a picture has two labels.
    """
    key = ["file", *BOX, *LANDMARKS]
    labels = manifest.groupby(key, dropna=False, sort=False)["expression"].nunique()
    if (labels > 1).any():
        both = [str(index[0]) for index in labels.index[labels > 1]]
        raise UserError(f"{root} gives two labels to {name_list(both)}; keep one row for each picture.")
    repeated = manifest.duplicated(subset=key)
    if repeated.any():
        files = [str(file) for file in manifest["file"][repeated]]
        told.append(f"{root}: {len(files)} rows repeat another and were left out: {name_list(files, 5)}.")
    return manifest[~repeated].reset_index(drop=True)


def counted(expressions: pd.Series) -> str:
    """Return `happiness 12, anger 3`, the most frequent first.

    Args:
        expressions: Names, missing ones are not counted.
    """
    return ", ".join(f"{name} {count}" for name, count in expressions.value_counts().items())


def numbers(text: str, separator: str = " ") -> np.ndarray:
    """Return a line's numbers as float64; none at all if something else stands in it.

    Args:
        text: For instance 2,304 pixels, or 136 coordinates.
        separator: A blank also stands for several and for tabs.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error", DeprecationWarning)  # numpy says so that it met another word
        try:
            return np.fromstring(text, sep=separator)
        except (ValueError, DeprecationWarning):
            return np.empty(0)
