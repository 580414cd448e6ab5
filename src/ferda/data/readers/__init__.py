"""Readers turn what an owner published into a manifest and a way to open its pictures: one file each.

Every reader is one function `read(root, **options) -> Reading`. `read_any` picks one by looking: a table, a
list, a tree of class folders, or pictures without labels, and the reading says which it was.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ferda.data.readers import (
    affectnet_names,
    class_folders,
    ferplus,
    path_list,
    pictures,
    pixel_table,
    table,
)
from ferda.data.readers.options import check_options
from ferda.data.readers.source import ImageSource, Reading, image_source, is_picture
from ferda.data.readers.words import Words
from ferda.errors import UserError, nearest

__all__ = ["READERS", "ImageSource", "Reading", "read_any"]

READERS: dict[str, Callable[..., Reading]] = {
    "class_folders": class_folders.read,
    "affectnet_names": affectnet_names.read,
    "ferplus": ferplus.read,
    "table": table.read,
    "path_list": path_list.read,
    "pixel_table": pixel_table.read,
    "pictures": pictures.read,
}


def read_any(spec: Path | str, reader: str | None = None, **options: Any) -> Reading:
    """Look at a path, pick the reader, and read.

    Args:
        spec: A table, a folder, a zip file or a picture.
        reader: One of `READERS`, to choose by hand.
        **options: Passed to the reader.

    Raises:
        UserError: If there is nothing, nothing readable, or an option that the reader does not have.
    """
    root = Path(spec)
    if not root.exists():
        raise UserError(f"There is nothing at {root}.")
    if reader is not None and reader not in READERS:
        raise UserError(
            f"There is no reader '{reader}'{nearest(reader, READERS)}; known: {', '.join(READERS)}."
        )
    if reader is None:
        reader, root = _look(root, options)
    read = READERS[reader]
    check_options(read, f"reader '{reader}' that fits {root}", options)
    return read(root, **options)


def _look(root: Path, options: dict[str, Any]) -> tuple[str, Path]:
    """Return the reader that fits and the path it shall read."""
    if root.is_file() and table.is_table(root):
        return ("pixel_table" if pixel_table.is_pixel_table(root) else "table"), root
    if root.is_file() and is_picture(root.name):
        return "pictures", root
    if root.is_file() and path_list.is_list(root):
        return "path_list", root
    if root.is_file() and root.suffix.lower() != ".zip":
        raise UserError(f"{root} is no table, list, zip file or picture that ferda reads.")
    words = Words(options.get("names"), options.get("numbering"), options.get("class_order"))
    files = image_source(root).files()
    if ferplus.has_ferplus(root, files):
        return "ferplus", root
    if affectnet_names.has_affectnet_names(files):
        return "affectnet_names", root
    if class_folders.has_class_folders(files, words):
        return "class_folders", root
    if beside := _table_of(root):
        return "table", beside
    if not files:
        raise UserError(f"{root} holds no picture and no table; point at the folder that holds the pictures.")
    return "pictures", root


def _table_of(root: Path) -> Path | None:
    """Return the table in a folder, or the one beside a zip file, if there is exactly one."""
    if root.is_file():
        beside = [root.with_suffix(suffix) for suffix in table.TABLE_SUFFIXES]
        return next((path for path in beside if path.is_file()), None)
    tables = sorted(path for path in root.iterdir() if path.is_file() and table.is_table(path))
    if len(tables) > 1:
        raise UserError(f"{root} holds several tables ({', '.join(path.name for path in tables)}); name one.")
    return tables[0] if tables else None
