"""The data sets as their owners ship them. The folder is the registry: one file, one data set."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from ferda.data.audit import count_table
from ferda.data.datasets.base import Dataset
from ferda.data.official_counts import against_official, find_misreading, tell_absent
from ferda.data.readers.options import check_options
from ferda.data.readers.source import Reading
from ferda.errors import UserError, nearest

__all__ = ["Dataset", "dataset", "known_name", "list_datasets", "read_dataset"]

#: Files of this folder that readers are built on, and that are none themselves.
_SHARED = ("base", "name_rows", "owner_files")


def list_datasets() -> list[str]:
    """Names of all data sets that ferda reads in their owner's form, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name.replace("_", "-") for module in found if module.name not in _SHARED)


def known_name(typed: str) -> str | None:
    """Return a data set's name, however it is spelled (`RAF_DB`, `rafdb`, `CK+`), or None if it is none.

    Args:
        typed: What the user wrote; case, blanks, hyphens and underscores do not matter.
    """
    return next((name for name in list_datasets() if _plain(name) == _plain(typed)), None)


def dataset(name: str) -> Dataset:
    """Return what ferda knows of a data set.

    Args:
        name: One of `list_datasets()`, as `known_name` reads it.

    Raises:
        UserError: If there is no such data set.
    """
    known = known_name(name)
    if known is None:
        raise UserError(
            f"There is no data set '{name}'{nearest(name.lower(), list_datasets())}. "
            "'ferda datasets' lists them."
        )
    module = importlib.import_module(f"{__name__}.{known.replace('-', '_')}")
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
    reading = known.read(Path(root), **options)
    warnings = (*reading.warnings, *_differences(known, reading))
    return replace(reading, dataset=known_name(name), warnings=warnings)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name.lower().replace("+", "plus"))


def _differences(known: Dataset, reading: Reading) -> list[str]:
    """Say where the rows are not as many as published, and what may have happened."""
    official = known.counts.get(reading.variant or "")
    if official is None:
        return []
    counts = count_table(reading.manifest)
    compared = against_official(counts, official)
    parts = [
        f"{row.split}: {row.expression} {row.found:,} instead of {row.official:,}"
        for row in compared[compared["difference"] != 0].itertuples()
    ]
    said = tell_absent(counts, official, known.title)
    if parts:
        said.append(f"{known.title} has other numbers than published; {', '.join(parts)}.")
    if misread := find_misreading(compared, list(known.codes.values())):
        said.append(misread.sentence(known.title))
    return said
