"""Hold rows out so that no person and no copy of a picture is on both sides.

Rows of one subject stay together, and so do identical pictures. Groups go, in random order and the large ones
first, to the split that lacks most of what the group has, class by class: so a data set without subjects is
split by class as one would by hand, and one with subjects as nearly so as its people allow.

Small sets are measured by folds instead, `train:2/10` and the like: people are dealt to so many folds, one
fold is the test, the next one validates, the others train.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ferda.data.manifest import SPLITS
from ferda.errors import UserError

#: How a data set that its owner did not split is split.
FRACTIONS: Mapping[str, float] = {"train": 0.7, "val": 0.1, "test": 0.2}

#: A split of one turn of a cross-validation, such as `test:2/10`: fold 2 of ten, counted from 0, is the test.
FOLD_SPLIT = re.compile(r"(train|val|test):(\d+)/(\d+)")


def split_names(manifest: pd.DataFrame, split: str = "all") -> np.ndarray:
    """Return the split of each row: the owner's, or `split_by_group` with its defaults where there is none.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        split: Any; but `test:2/10` and the like ask for that turn of a cross-validation by `subject_folds`,
            where fold 2 is the test, fold 3 (after the last the first) validates, and all others train.

    Returns:
        (N,) `train`, `val`, `test` (with the turn, `test:2/10`, if it was asked for), or an empty string for
        rows that are in no split.

    Raises:
        UserError: If there is no such fold, or no people to deal to folds.
    """
    if (turn := FOLD_SPLIT.fullmatch(split)) is not None:
        return _fold_names(manifest, int(turn[2]), int(turn[3]))
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


def subject_folds(manifest: pd.DataFrame, count: int) -> np.ndarray:
    """Deal people to folds in turn, in the order of their names.

    Siqueira et al., AAAI 2020, experiments on CK+ (after Liu et al., FG 2013): of the people of whom any
    picture has an expression, the first goes to fold 0, the second to fold 1, and so on round.

    Args:
        manifest: Columns as in `ferda.data.manifest`.
        count: How many folds.

    Returns:
        (N,) int64 fold of each row, -1 for rows of people without any expression.

    Raises:
        UserError: If a row with an expression has no subject, or there are fewer people than folds.
    """
    labelled = manifest["expression"].notna()
    if (lacking := int(manifest.loc[labelled, "subject"].isna().sum())) > 0:
        raise UserError(
            f"Folds are made of people, and {lacking} rows with an expression name no subject; "
            "name them in the column 'subject', or use @train and @test."
        )
    people = sorted(manifest.loc[labelled, "subject"].unique())
    if not 3 <= count <= len(people):
        raise UserError(f"{len(people)} people can be dealt to 3 to {len(people)} folds, not to {count}.")
    turns = {person: turn % count for turn, person in enumerate(people)}
    return manifest["subject"].map(turns).fillna(-1).to_numpy(dtype=np.int64)


def _fold_names(manifest: pd.DataFrame, test: int, count: int) -> np.ndarray:
    if test >= count:
        raise UserError(f"There is no fold {test} of {count}; they are counted from 0 to {count - 1}.")
    folds = subject_folds(manifest, count)
    names = np.select([folds == test, folds == (test + 1) % count], ["test", "val"], "train")
    return np.where(folds < 0, "", np.char.add(names, f":{test}/{count}"))


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
