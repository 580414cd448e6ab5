"""Contact sheets: pictures of many small faces, made to be looked at before anybody trains.

A minute with one sheet of each class shows what no number does: classes that were swapped, crops that cut the
chin off, drawings among photos, a split that was taken by another camera. Two further sheets hold what is
doubtful: pictures without a face, and those that `ferda.data.quality` measures worst.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from ferda.data.manifest import SPLITS
from ferda.data.quality import LEAST
from ferda.expressions import EXPRESSIONS
from ferda.files import replacing

#: Faces of one class and split, and of one kind of doubt.
COUNT = 24
_COLUMNS, _SIDE, _GAP, _EDGE = 8, 112, 10, 20
_TITLE, _HEADING, _CAPTION = 24, 16, 11
_PAPER, _INK, _MUTED, _POINT = "#fdfefe", "#1b2330", "#5b6876", (0, 230, 160)
_UNLABELLED, _NO_SPLIT = "unlabelled", "no split"

_font = functools.cache(ImageFont.load_default)


@dataclass(frozen=True)
class Faces:
    """What sheets are made of.

    Attributes:
        images: (N, H, H, 3) uint8 RGB.
        landmarks: (N, 5, 2) pixels of `images`; None draws no points.
        manifest: N rows, columns as in `ferda.data.manifest`.
        there: (N,) bool, rows whose picture could be read.
        kept: (N,) bool, rows of them that the pack keeps.
    """

    images: np.ndarray
    landmarks: np.ndarray | None
    manifest: pd.DataFrame
    there: np.ndarray
    kept: np.ndarray


@dataclass(frozen=True)
class _Group:
    heading: str
    rows: list[int]
    captions: list[tuple[str, ...]]


def write_sheets(
    folder: Path,
    faces: Faces,
    *,
    count: int = COUNT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Draw a sheet for each class, one of pictures without a face, and one of the worst ones.

    Args:
        folder: Made, or emptied.
        faces: Pictures and what is known of them. Rows that are not kept are on the doubtful sheets alone.
        count: Faces of each group, drawn by chance from its rows.
        seed: Another seed, other faces.
        progress: Called with sheets drawn and in all.

    Returns:
        The files, `NAME.png` each.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    sheets = [*_class_sheets(faces, count, random), *_doubtful_sheets(faces, count, random)]
    written = []
    for name, groups in sheets:
        path = folder / f"{name}.png"
        with replacing(path) as temporary:
            _draw(name.replace("-", " "), groups, faces).save(temporary, optimize=False)
        written.append(path)
        if progress:
            progress(len(written), len(sheets))
    return written


def _class_sheets(faces: Faces, count: int, random: np.random.Generator) -> list[tuple[str, list[_Group]]]:
    expression = faces.manifest["expression"].fillna(_UNLABELLED).to_numpy()
    split = faces.manifest["split"].fillna(_NO_SPLIT).to_numpy()
    has_splits = (split != _NO_SPLIT).any()
    file = faces.manifest["file"].to_numpy()
    sheets = []
    for name in (*EXPRESSIONS, _UNLABELLED):
        groups = []
        for part in (*SPLITS, _NO_SPLIT):
            rows = np.flatnonzero(faces.kept & (expression == name) & (split == part))
            if len(rows):
                chosen = _chosen(rows, count, random)
                heading = f"{part}: {_of(chosen, rows)}" if has_splits else _of(chosen, rows)
                groups.append(_Group(heading, chosen, [(_stem(file[row]),) for row in chosen]))
        if groups:
            sheets.append((name, groups))
    return sheets


def _doubtful_sheets(faces: Faces, count: int, random: np.random.Generator) -> list[tuple[str, list[_Group]]]:
    manifest = faces.manifest
    if not set(LEAST) <= set(manifest.columns):
        return []
    label = manifest["expression"].fillna(_UNLABELLED).to_numpy()
    file = manifest["file"].to_numpy()
    lost = np.flatnonzero(faces.there & manifest["face_pixels"].isna())
    chosen = _chosen(lost, 2 * count, random)
    without = _Group(_of(chosen, lost), chosen, [(label[row], _stem(file[row])) for row in chosen])
    worst = []
    for name, least in LEAST.items():
        values = np.where(faces.there, manifest[name].to_numpy(dtype=float), np.nan)
        order = np.argsort(values, kind="stable")[:count]
        rows = [int(row) for row in order if np.isfinite(values[row])]
        heading = f"least {name.replace('_', ' ')}: {(values < least).sum():,} below {least:g}"
        worst.append(_Group(heading, rows, [(f"{values[r]:.3g}, {label[r]}", _stem(file[r])) for r in rows]))
    sheets = [("no-face-found", [without]), ("lowest-quality", worst)]
    return [(name, shown) for name, groups in sheets if (shown := [group for group in groups if group.rows])]


def _chosen(rows: np.ndarray, count: int, random: np.random.Generator) -> list[int]:
    some = random.choice(rows, min(count, len(rows)), replace=False)
    return [int(row) for row in np.sort(some)]


def _of(chosen: Sequence[int], rows: np.ndarray) -> str:
    return (
        f"{len(rows):,} pictures" if len(chosen) == len(rows) else f"{len(chosen)} of {len(rows):,} pictures"
    )


def _stem(file: str) -> str:
    return " ".join(PurePosixPath(file).stem.split())


def _draw(title: str, groups: Sequence[_Group], faces: Faces) -> Image.Image:
    """Lay groups of faces out below one another."""
    lines = max(len(captions) for group in groups for captions in group.captions)
    cell = _SIDE + _GAP, _SIDE + _GAP + lines * (_CAPTION + 3)
    rows = [-(-len(group.rows) // _COLUMNS) for group in groups]
    height = 2 * _EDGE + _TITLE + sum(3 * _HEADING + count * cell[1] for count in rows)
    sheet = Image.new("RGB", (2 * _EDGE + _COLUMNS * cell[0] - _GAP, height), _PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((_EDGE, _EDGE), title, _INK, _font(_TITLE))
    top = _EDGE + _TITLE
    for group, count in zip(groups, rows, strict=True):
        pen.text((_EDGE, top + _HEADING), group.heading, _MUTED, _font(_HEADING))
        top += int(2.6 * _HEADING)
        for place, (row, captions) in enumerate(zip(group.rows, group.captions, strict=True)):
            corner = _EDGE + place % _COLUMNS * cell[0], top + place // _COLUMNS * cell[1]
            sheet.paste(_face(faces, row), corner)
            _caption(pen, corner, captions)
        top += int(0.4 * _HEADING) + count * cell[1]
    return sheet


def _face(faces: Faces, row: int) -> Image.Image:
    pixels = np.ascontiguousarray(faces.images[row])
    face = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    if faces.landmarks is not None:
        pen = ImageDraw.Draw(face)
        points = faces.landmarks[row] * (_SIDE / len(pixels))
        for x, y in points[np.isfinite(points).all(1)].tolist():
            pen.ellipse((x - 2, y - 2, x + 2, y + 2), fill=_POINT, outline="black")
    return face


def _caption(pen: ImageDraw.ImageDraw, corner: tuple[int, int], captions: Sequence[str]) -> None:
    font = _font(_CAPTION)
    for number, text in enumerate(captions):
        shown = text
        while font.getlength(shown) > _SIDE:  # the end of a file's name tells more than its beginning
            shown = "…" + shown.lstrip("…")[1:]
        place = corner[0], corner[1] + _SIDE + 2 + number * (_CAPTION + 3)
        pen.text(place, shown, _MUTED if number == len(captions) - 1 else _INK, font)
