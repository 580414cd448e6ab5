"""What ferda knows of an official data set, and what every reader of one does with its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.data.datasets.owner_files import OwnerFiles, owner_files
from ferda.data.manifest import BOX, LANDMARKS, complete_manifest, name_list
from ferda.data.readers.rows import counted, without_missing, without_repeats
from ferda.data.readers.source import ImageSource, Reading
from ferda.errors import UserError

#: Rows of each expression in each split; `""` is the split of a data set that its owner did not split.
Counts = Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """An official data set: one constant `DATASET` in each file of this folder.

    Attributes:
        title: Its name in full.
        paper: Who published it, where and when.
        access: How to get it legally, in one or two sentences.
        terms: What its owner allows, in a few words for data cards.
        layout: The tree that the owner ships.
        protocol: How papers use it: split, classes, metric.
        subjects: Where the people are known from; empty if they are not.
        faces: Boxes and points that the owner ships, in a few words; empty if there are none.
        splits: The owner's splits, as in the manifest.
        codes: The owner's codes in their order, each with its expression.
        counts: By variant, then split and expression, the published numbers.
        counts_note: Which of these numbers are certain, and which are not.
        crop: The crop rule that `ferda prepare` takes unless told otherwise.
        read: `read(root, **options) -> Reading`.
        traps: What went wrong for others, one sentence each.
    """

    title: str
    paper: str
    access: str
    terms: str
    layout: str
    protocol: str
    subjects: str = ""
    faces: str = ""
    splits: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, Counts] = field(default_factory=dict)
    counts_note: str = ""
    crop: Mapping[str, Any] = field(default_factory=lambda: {"kind": "aligned"})
    read: Callable[..., Reading]
    traps: tuple[str, ...] = ()

    def open(self, root: Path, marker: str, below: tuple[str, ...] = ()) -> OwnerFiles:
        """Open the owner's files; see `owner_files`.

        Args:
            root: What the user gave.
            marker: Regular expression that fits the last parts of at least one name.
            below: Folders of the layout.

        Raises:
            UserError: If this does not look like the data set.
        """
        return owner_files(root, marker, title=self.title, layout=self.layout, below=below)


def split_counts(order: Sequence[str], **splits: Sequence[int]) -> Counts:
    """Return counts from numbers in the owner's order.

    Args:
        order: Expressions.
        **splits: A number for each of them; `all` is a data set without splits.
    """
    return {
        "" if split == "all" else split: dict(zip(order, numbers, strict=True))
        for split, numbers in splits.items()
    }


def reading_of(
    rows: pd.DataFrame,
    files: ImageSource,
    *,
    title: str,
    variant: str,
    warnings: Sequence[str] = (),
    dropped: pd.DataFrame | None = None,
    crop: Mapping[str, Any] | None = None,
) -> Reading:
    """Turn an owner's rows into a reading: rows without a picture are listed, repeats left out, all counted.

    Args:
        rows: `file` (as in `files.files()`) and any other column of a manifest, or further ones.
        files: The owner's files, or what gives pictures out of them.
        title: Of the data set.
        variant: Which form was found.
        warnings: What the reader noticed.
        dropped: `file` and `reason` of rows that the owner has, but that are of no use.
        crop: The crop rule, where these pictures need another than `Dataset.crop`.

    Raises:
        UserError: If no picture is there, or one picture has two labels.
    """
    said = list(warnings)
    if len(rows) and not rows["file"].isin(files.files()).any():
        raise UserError(
            f"{files.root} holds none of the {len(rows)} pictures that {title} lists, not even "
            f"{name_list(rows['file'].tolist(), 1)}."
        )
    manifest, unusable = without_missing(complete_manifest(rows), files, files.root, "skip")
    if len(unusable):
        names = name_list(unusable["file"].tolist(), 5)
        said.append(f"{len(unusable)} pictures that {title} lists are missing: {names}.")
    manifest = without_repeats(complete_manifest(manifest), files.root, said)
    unlabelled = int(manifest["expression"].isna().sum())
    told = f"{files.root}: {title}, {variant}; {counted(manifest['expression'])}"
    told += f"; {unlabelled} without a label." if unlabelled else "."
    if dropped is not None and len(dropped):
        told += f" {len(dropped)} were left out: {name_list(dropped['reason'].unique().tolist(), 5)}."
        unusable = pd.concat([unusable, dropped], ignore_index=True)
    return Reading(manifest, files, told, tuple(said), unusable, variant=variant, crop=crop)


def with_boxes(rows: pd.DataFrame, corners: np.ndarray) -> pd.DataFrame:
    """Return rows with their box columns; a box without area is none, and noted.

    Args:
        rows: N rows.
        corners: (N, 4) left, top, right and bottom in pixels of the stored picture, NaN where unknown.
    """
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    is_bad = (boxes[:, 2:] <= 0).any(1)
    boxes[is_bad] = np.nan
    rows = rows.assign(**dict(zip(BOX, boxes.T, strict=True)))
    if is_bad.any():
        rows.loc[is_bad, "note"] = "the owner's box has no area"
    return rows


def five_of_68(points: np.ndarray) -> np.ndarray:
    """Return the five points of the 68 usual ones: means of the eyes' outlines, nose tip, mouth corners.

    Args:
        points: (N, 68, 2) in pixels, image-left first.

    Returns:
        (N, 5, 2) in the order of `ferda.landmarks.FIVE_POINTS`.
    """
    eyes = [points[:, 36:42].mean(1), points[:, 42:48].mean(1)]
    return np.stack([*eyes, points[:, 30], points[:, 48], points[:, 54]], axis=1)


def with_points(rows: pd.DataFrame, points: np.ndarray) -> pd.DataFrame:
    """Return rows with their landmark columns.

    Args:
        rows: N rows.
        points: (N, 5, 2) in pixels of the stored picture, NaN where unknown.
    """
    columns = pd.DataFrame(points.reshape(len(rows), -1), columns=list(LANDMARKS), index=rows.index)
    return pd.concat([rows, columns], axis=1)
