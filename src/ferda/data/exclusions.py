"""Rows of a pack that nobody uses any more: a list beside the pictures, which can be taken away again.

The list is `excluded.csv` in the pack, one row each with the reason. Pictures and manifest stay as they are.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.data.pack import Pack
from ferda.errors import UserError
from ferda.files import replacing

#: How reports call these rows.
EXCLUDED = "excluded by 'ferda check'"
_LIST = "excluded.csv"


def excluded_rows(pack: Pack) -> NDArray[np.int64]:
    """Return the rows of a pack that are not to be used, in order.

    Args:
        pack: Any.

    Raises:
        UserError: If the list is damaged or was made for another pack.
    """
    path = pack.path / _LIST
    if not path.is_file():
        return np.empty(0, dtype=np.int64)
    try:
        listed = pd.read_csv(path, dtype={"row": np.int64, "file": str}, keep_default_na=False)
        rows = listed["row"].to_numpy()
        fits = (pack.manifest["file"].to_numpy()[rows] == listed["file"].to_numpy()).all()
    except (ValueError, KeyError, IndexError) as error:
        raise _damaged(path) from error
    if not fits:
        raise _damaged(path)
    return np.unique(rows)


def count_excluded(path: Path) -> int:
    """Return how many rows of a pack are not to be used, without opening it.

    Args:
        path: The pack.
    """
    listed = path / _LIST
    return len(pd.read_csv(listed)) if listed.is_file() else 0


def exclude(pack: Pack, reasons: pd.Series) -> None:
    """Take rows out of use, besides those that are.

    Args:
        pack: Where they are.
        reasons: Sentences, the index holds the rows.

    Raises:
        UserError: If the pack cannot be written.
    """
    if reasons.empty:
        return
    path = pack.path / _LIST
    files = pack.manifest["file"].iloc[reasons.index].to_numpy()
    fresh = pd.DataFrame({"row": reasons.index, "file": files, "reason": reasons.to_numpy()})
    before = pd.read_csv(path, keep_default_na=False) if len(excluded_rows(pack)) else fresh[:0]
    listed = pd.concat([before, fresh]).drop_duplicates("row").sort_values("row")
    try:
        with replacing(path) as temporary:
            listed.to_csv(temporary, index=False)
    except OSError as error:
        raise UserError(f"Cannot write into the pack {pack.path}: {error.strerror or error}.") from error


def include_all(pack: Pack) -> None:
    """Take all rows of a pack into use again.

    Args:
        pack: Any.
    """
    (pack.path / _LIST).unlink(missing_ok=True)


def _damaged(path: Path) -> UserError:
    return UserError(
        f"{path} does not fit its pack; remove it with 'ferda check {path.parent} --include-all'."
    )
