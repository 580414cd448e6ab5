"""FER2013 as its authors published it: a CSV whose column `pixels` holds the picture as 2,304 numbers.

The pictures are handed on as PGM files made in memory, so everything after the reader is as for any other
data. Without another choice the labels are taken as FER2013's own numbering, since only FER2013 is
published so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd

from ferda.data.manifest import complete_manifest
from ferda.data.readers.rows import numbers
from ferda.data.readers.source import Reading
from ferda.data.readers.table import find_column, table_parts
from ferda.data.readers.words import Words, number_advice, split_name
from ferda.errors import UserError


def read(root: Path, *, names: Mapping[str, str] | None = None, numbering: str = "fer2013") -> Reading:
    """Read a table of pixels.

    Args:
        root: The CSV with `emotion`, `pixels` and usually `Usage`.
        names: The owner's number -> expression.
        numbering: FER2013's unless said otherwise.

    Raises:
        UserError: If pixels are not square pictures of one size, or a label is unknown.
    """
    words = Words(names, numbering)
    with root.open("rb") as stream:
        owner, source = load_pixels(stream, root)
    label, split = find_column(owner, "expression"), find_column(owner, "split")
    manifest = pd.DataFrame({"file": source.files()})
    if label:
        manifest["expression"] = [words.expression(code) for code in owner[label]]
        manifest["source_label"] = owner[label]
        words.refuse_unknown(f"Column '{label}' of {root}", number_advice(words.unknown))
    if split:
        manifest["split"] = owner[split].map(split_name)
    told = f"{root}: {len(owner)} pictures as pixels in the table, labels numbered as {numbering}."
    return Reading(complete_manifest(manifest), source, told)


def load_pixels(stream: IO[bytes], where: Path) -> tuple[pd.DataFrame, PixelSource]:
    """Return a table without its column `pixels`, every value as text, and its pictures.

    Args:
        stream: The CSV; that of FER2013 has 300 MB, so it is never in memory as a whole.
        where: It, for messages.

    Raises:
        UserError: If it has no rows or no column `pixels`, or pixels are not square pictures of one size.
    """
    owner: list[pd.DataFrame] = []
    pictures: list[np.ndarray] = []
    for part in table_parts(stream, where, rows=1000):
        if "pixels" not in part:
            raise UserError(f"{where} has no column 'pixels', only {', '.join(part.columns)}.")
        pictures += _pixels(part.pop("pixels"), where, pictures[:1])
        owner.append(part)
    if not pictures:
        raise UserError(f"{where} has no rows.")
    return pd.concat(owner), PixelSource(where, np.stack(pictures))


def is_pixel_table(path: Path) -> bool:
    """Say whether a CSV has a column `pixels`; reads its first line only."""
    if path.suffix.lower() != ".csv":
        return False
    with path.open(encoding="utf-8-sig", errors="replace") as stream:
        return "pixels" in [
            column.strip().strip('"') for column in stream.readline(10_000).lower().split(",")
        ]


class PixelSource:
    """Pictures from rows of numbers.

    Args:
        root: The table they came from.
        pixels: (N, H * H) uint8.
    """

    def __init__(self, root: Path, pixels: np.ndarray) -> None:
        self.root = root
        self._pixels = pixels

    def files(self) -> list[str]:
        """Names of all pictures: their row numbers."""
        return [f"row{row:07d}.pgm" for row in range(len(self._pixels))]

    def stamps(self) -> list[str]:
        """Name and hash of each picture."""
        rows = zip(self.files(), self._pixels, strict=True)
        return [
            f"{file}\t{hashlib.md5(row.tobytes(), usedforsecurity=False).hexdigest()}" for file, row in rows
        ]

    def read(self, file: str) -> bytes:
        """Return one picture as a PGM file.

        Args:
            file: Name as in `files`.
        """
        row = int(file.removeprefix("row").removesuffix(".pgm"))
        side = round(self._pixels.shape[1] ** 0.5)
        return b"P5 %d %d 255\n" % (side, side) + self._pixels[row].tobytes()


def _pixels(column: pd.Series, where: Path, first: list[np.ndarray]) -> list[np.ndarray]:
    rows: list[np.ndarray] = []
    for row, text in column.items():
        pixels = numbers(text)
        is_square = len(pixels) > 0 and round(len(pixels) ** 0.5) ** 2 == len(pixels)
        is_like_first = is_square and all(len(pixels) == len(other) for other in (first or rows[:1]))
        if not is_like_first or pixels.min() < 0 or pixels.max() > 255 or (pixels % 1).any():
            raise UserError(
                f"Row {row} (from 0) of {where} is no square picture of numbers 0 to 255, like the others."
            )
        rows.append(pixels.astype(np.uint8))
    return rows
