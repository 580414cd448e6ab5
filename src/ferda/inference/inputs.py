"""Which pictures a user means by a path, a pattern, a folder, or several; and how many are held at a time."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

import numpy as np

from ferda.errors import UserError
from ferda.faces.images import UnreadableImage, read_image

#: Files of a folder that are taken for pictures, in lower case.
SUFFIXES = frozenset(
    {
        *(".jpg", ".jpeg", ".jpe", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".jp2", ".avif", ".ico", ".tga"),
    }
)

#: `gathered` hands on at this number of pictures, or of pixels.
_PICTURES_AT_ONCE, _PIXELS_AT_ONCE = 64, 50_000_000


def picture_files(
    inputs: str | Path | Iterable[str | Path], suffixes: Collection[str] = SUFFIXES
) -> list[Path]:
    """Return the pictures that are meant, each once, folders replaced by what is in and below them, sorted.

    Args:
        inputs: Pictures (whatever their suffix), folders, and patterns like `photos/*.jpg` (`**` for folders
            in folders). One that is not there is kept, for the caller to report, as long as another is.
        suffixes: Files of a folder that are taken, in lower case.

    Raises:
        UserError: If there is no picture at all.
    """
    given = [Path(one) for one in ([inputs] if isinstance(inputs, str | Path) else inputs)]
    files: dict[Path, None] = {}
    for path in given:
        for one in [path] if path.exists() else _matching(path):
            files.update(dict.fromkeys(_below(one, suffixes) if one.is_dir() else [one]))
    if not any(path.exists() for path in files):
        named = ", ".join(str(path) for path in given[:3]) + (", ..." if len(given) > 3 else "")
        raise UserError(
            f"There is no picture at {named or 'no place'}; name pictures, or folders that hold some."
        )
    return list(files)


def readable(files: Iterable[Path], problems: dict[str, str]) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the pixels of each picture that can be read.

    Args:
        files: In their order.
        problems: Is told why a file could not be read, by its name.
    """
    for file in files:
        try:
            yield str(file), read_image(file)
        except UnreadableImage as problem:
            problems[str(file)] = problem.reason


def gathered(named: Iterable[tuple[str, np.ndarray]]) -> Iterator[tuple[list[str], list[np.ndarray]]]:
    """Hand on named pictures together, until there are many of them or they are large.

    Args:
        named: Names with uint8 (H, W, 3) pictures; read no further than needed.
    """
    names: list[str] = []
    pictures: list[np.ndarray] = []
    pixels = 0
    for name, picture in named:
        names.append(name)
        pictures.append(picture)
        pixels += picture.shape[0] * picture.shape[1]
        if len(names) >= _PICTURES_AT_ONCE or pixels >= _PIXELS_AT_ONCE:
            yield names, pictures
            names, pictures, pixels = [], [], 0
    if names:
        yield names, pictures


def _matching(pattern: Path) -> list[Path]:
    """What a pattern means (it may begin anywhere on the disk), sorted; itself if that is nothing."""
    # `Path.glob` takes no absolute pattern
    return [Path(one) for one in sorted(glob.glob(str(pattern), recursive=True))] or [pattern]  # noqa: PTH207


def _below(folder: Path, suffixes: Collection[str]) -> list[Path]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders.sort()  # in place: this is the order in which the walk goes on
        found += [
            Path(parent) / name
            for name in sorted(names)
            if Path(name).suffix.lower() in suffixes and not name.startswith(".")
        ]
    return found
