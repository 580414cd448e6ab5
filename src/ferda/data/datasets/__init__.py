"""The data sets as their owners ship them. The folder is the registry: one file, one data set."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from ferda.data.datasets.base import Dataset
from ferda.data.readers.options import check_options
from ferda.data.readers.source import Reading
from ferda.errors import UserError, nearest

__all__ = ["Dataset", "dataset", "list_datasets", "read_dataset"]

#: Files of this folder that readers are built on, and that are none themselves.
_SHARED = ("base", "name_rows", "owner_files")


def list_datasets() -> list[str]:
    """Names of all data sets that ferda reads in their owner's form, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name.replace("_", "-") for module in found if module.name not in _SHARED)


def dataset(name: str) -> Dataset:
    """Return what ferda knows of a data set.

    Args:
        name: One of `list_datasets()`; case, blanks and underscores do not matter.

    Raises:
        UserError: If there is no such data set.
    """
    plain = name.strip().lower().replace("_", "-").replace(" ", "-")
    if plain not in list_datasets():
        raise UserError(
            f"There is no data set '{name}'{nearest(plain, list_datasets())}. 'ferda datasets' lists them."
        )
    module = importlib.import_module(f"{__name__}.{plain.replace('-', '_')}")
    found: Dataset = module.DATASET
    return found


def read_dataset(name: str, root: Path | str, **options: Any) -> Reading:
    """Read a data set in its owner's form.

    Args:
        name: One of `list_datasets()`.
        root: Where it lies: a folder, or a zip file.
        **options: Of its reader.

    Raises:
        UserError: If there is no such data set, the root is none, or an option is unknown.
    """
    known = dataset(name)
    check_options(known.read, f"data set '{name}'", options)
    return replace(known.read(Path(root), **options), dataset=name)
