"""From a manifest to valence (displeased to pleased) and arousal (calm to excited), both in [-1, 1]."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

AFFECT = ("valence", "arousal")
#: AffectNet's word for a face of which nobody said it.
_UNKNOWN = -2


def quadrants(affect: np.ndarray) -> np.ndarray:
    """Return which quarter of the plane each row lies in; zero counts as positive.

    Args:
        affect: (n, 2) valence and arousal, NaN where unknown.

    Returns:
        (n,) int64: 0 pleased and excited, 1 displeased and excited, 2 displeased and calm, 3 pleased and
        calm; -1 where either is unknown.
    """
    is_low = affect < 0
    found = np.where(is_low[:, 1], 3 - is_low[:, 0].astype(np.int64), is_low[:, 0])
    return np.where(np.isnan(affect).any(1), -1, found).astype(np.int64)


def find_affect(manifest: pd.DataFrame, where: str) -> np.ndarray | None:
    """Return valence and arousal of every row, (n, 2) float32 with NaN where unknown; None if no row has any.

    Columns on another scale, 1 to 9 for instance, are no answer either: a warning says so.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        where: How the warning calls it.
    """
    there = [name for name in AFFECT if name in manifest]
    if not there:
        return None
    values = np.full((len(manifest), len(AFFECT)), np.nan)
    for name in there:
        values[:, AFFECT.index(name)] = manifest[name].to_numpy(dtype=float)
    values[values == _UNKNOWN] = np.nan
    if (outside := np.abs(values) > 1).any():
        logging.getLogger("ferda").warning(
            "Valence and arousal of '%s' are not used: %d rows have values outside -1 to 1, such as %g. "
            "Scale the columns before the data is prepared.",
            where,
            outside.any(1).sum(),
            values[outside][0],
        )
        return None
    return None if np.isnan(values).all() else values.astype(np.float32)
