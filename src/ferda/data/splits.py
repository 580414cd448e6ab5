"""Hold rows out so that no person and no copy of a picture is on both sides.

Rows of one subject stay together, and so do identical pictures. Groups go, in random order and the large ones
first, to the split that lacks most of what the group has, class by class: so a data set without subjects is
split by class as one would by hand, and one with subjects as nearly so as its people allow.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ferda.data.manifest import SPLITS
from ferda.errors import UserError

#: How a data set that its owner did not split is split.
FRACTIONS: Mapping[str, float] = {"train": 0.7, "val": 0.1, "test": 0.2}


def split_names(manifest: pd.DataFrame) -> np.ndarray:
    """Return the split of each row: the owner's, or `split_by_group` with its defaults where there is none.

    Args:
        manifest: Columns as in `ferda.data.manifest`.

    Returns:
        (N,) `train`, `val`, `test`, or an empty string for rows that the owner put in no split.
    """
    if manifest["split"].notna().any():
        return manifest["split"].fillna("").to_numpy(dtype=str)
    return split_by_group(manifest)


def split_by_group(
    manifest: pd.DataFrame, fractions: Mapping[str, float] = FRACTIONS, seed: int = 0
) -> np.ndarray:
    """Return a split for each row, the same for the same manifest, fractions and seed.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        fractions: Share of the rows of each split; they need not sum to one.
        seed: Another seed, another split.

    Raises:
        UserError: If a split is unknown or a share is not positive.
    """
    if not fractions or set(fractions) - set(SPLITS) or min(fractions.values()) <= 0:
        raise UserError(
            f"Fractions must be positive and name splits of {', '.join(SPLITS)}; got {dict(fractions)}."
        )
    names = list(fractions)
    shares = np.array([fractions[name] for name in names]) / sum(fractions.values())
    groups = _groups(manifest)
    codes, kinds = pd.factorize(manifest["expression"].fillna(""))
    held = np.zeros((groups.max(initial=-1) + 1, max(len(kinds), 1)))
    np.add.at(held, (groups, codes), 1.0)
    lacking = shares[:, None] * held.sum(0)
    order = np.random.default_rng(seed).permutation(len(held))
    order = order[np.argsort(-held[order].sum(1), kind="stable")]
    chosen = np.empty(len(held), dtype=np.int64)
    for group in order:
        # Lack is measured against the split's share, so that a small split is not forgotten until the end.
        lack = (lacking / shares[:, None]) @ held[group]
        chosen[group] = lack.argmax()
        lacking[chosen[group]] -= held[group]
    return np.array(names)[chosen[groups]]


def _groups(manifest: pd.DataFrame) -> np.ndarray:
    """Return a number for each row; rows of one subject or of one picture have the same."""
    parent = np.arange(len(manifest))
    for column in ("subject", "sha256", "file"):
        values = manifest[column]
        known = np.flatnonzero(values.notna())
        if len(known) == 0:
            continue
        codes = pd.factorize(values.iloc[known])[0]
        # Joining two partitions: the smallest number spreads until nothing changes; two or three rounds.
        while True:
            lowest = np.full(codes.max() + 1, len(manifest))
            np.minimum.at(lowest, codes, parent[known])
            merged = parent.copy()
            np.minimum.at(merged, parent[known], lowest[codes])
            merged = merged[merged[parent]]
            if (merged == parent).all():
                break
            parent = merged
    return np.unique(parent, return_inverse=True)[1]
