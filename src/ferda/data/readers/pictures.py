"""Pictures without labels: one file, or everything in a folder or zip file, however deep."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from ferda.data.manifest import complete_manifest, name_list
from ferda.data.readers.source import FolderSource, Reading, image_source, is_picture
from ferda.errors import UserError
from ferda.expressions import is_expression


def read(root: Path) -> Reading:
    """Read unlabelled pictures.

    Args:
        root: A picture, a folder or a zip file.

    Raises:
        UserError: If there is no picture.
    """
    if root.is_file() and is_picture(root.name):
        manifest = complete_manifest(pd.DataFrame({"file": [root.name]}))
        return Reading(manifest, FolderSource(root.parent), f"{root}: one picture without a label.")
    images = image_source(root)
    files = images.files()
    if not files:
        raise UserError(
            f"{root} holds no picture; point at a folder with .jpg, .png, .webp or similar files."
        )
    warnings: tuple[str, ...] = ()
    if is_expression(root.stem):
        warnings = (
            f"{root} is read without labels; its parent would be read with '{root.stem}' as a class.",
        )
    numbers = sorted({part for file in files for part in file.split("/")[-2:-1] if part.isdigit()})
    if len(numbers) > 1:
        warnings += (
            f"{root} is read without labels, and has folders called {name_list(numbers, 8)}: if these are "
            "classes, say which expression is 0, 1, 2 and so on with class_order= (--class-order).",
        )
    manifest = complete_manifest(pd.DataFrame({"file": files}))
    return Reading(manifest, images, f"{root}: {len(files)} pictures without labels.", warnings)
