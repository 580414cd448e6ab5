"""Rows of data sets that say everything in the names of their pictures: `F0001_AN01WH_F2D.bmp`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from ferda.data.datasets.owner_files import OwnerFiles
from ferda.data.manifest import name_list
from ferda.errors import UserError

_ENDING = r"\.(?:jpe?g|png|bmp|tiff?)"


def rows_by_name(
    files: OwnerFiles, pattern: str, codes: Mapping[str, str], title: str
) -> tuple[pd.DataFrame, list[str]]:
    """Return one row for each picture whose name keeps the owner's grammar, numbers in their order.

    A picture that lies there twice, in an archive and beside it, is taken once.

    Args:
        files: The owner's files.
        pattern: Regular expression of the last parts of a name without its extension. Its group `code` is the
            owner's code; all other named groups become columns.
        codes: Code -> expression, case does not matter.
        title: Of the data set, for messages.

    Returns:
        `file`, `expression`, `source_label` and the groups as text; and warnings.

    Raises:
        UserError: If a code is none of the owner's.
    """
    found = files.found(f"(?P<name>{pattern}){_ENDING}")
    once = {match["name"].lower(): name for name, match in reversed(found.items())}
    names = sorted(once.values(), key=lambda name: _natural(found[name]["name"]))
    known, rows = {code.lower(): expression for code, expression in codes.items()}, []
    for name in names:
        row = found[name].groupdict()
        code = row.pop("code")
        if code.lower() not in known:
            raise UserError(
                f"'{name}' in {files.root} has the code '{code}', which is none of {title}'s "
                f"({', '.join(codes)}); rename or remove it."
            )
        del row["above"], row["name"]
        rows.append({"file": name, "expression": known[code.lower()], "source_label": code, **row})
    others = [name for name in files.files() if name not in found]
    warnings = []
    if others:
        warnings.append(f"{len(others)} other pictures lie there and were left out: {name_list(others, 5)}.")
    if copies := len(found) - len(names):
        warnings.append(f"{copies} pictures lie there more than once and were taken once.")
    return pd.DataFrame(rows), warnings


def _natural(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]
