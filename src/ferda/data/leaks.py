"""Rows that should not know of each other: one file, person or photo in two splits or two data sets.

In every pair `a` is the side to learn from and `b` the side to measure on: `a` stands in the earlier of
train, val, test, or else in the pack that was named first. Ways to know:

    file     the same bytes
    picture  a near copy: scaled, recompressed, cut out a little elsewhere, lit otherwise, mirrored
    subject  the same person; each row of either side is named at least once
    name     the same telling file name and nothing else in common: to be looked at, no proof
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from ferda.data.exclusions import excluded_rows
from ferda.data.manifest import SPLITS
from ferda.data.pack import Pack
from ferda.data.picture_copies import find_copies
from ferda.data.splits import split_names
from ferda.files import FreeNames

#: Ways that make a score dishonest.
LEAKS: tuple[str, ...] = ("file", "picture", "subject")
_OF_A_ROW = ("pack", "row", "file", "split", "expression")
#: Columns of the table of pairs.
PAIR_COLUMNS: tuple[str, ...] = (
    *(f"{column}_{side}" for side in "ab" for column in _OF_A_ROW),
    *("how", "distance", "likeness", "mirrored", "labels_differ"),
)
#: Letters that so large a share of all names have in common (`img_0001`) count and do not name.
_COUNTER_SHARE = 0.1
_LETTERS = 3


def pack_names(packs: Sequence[Pack]) -> list[str]:
    """Return what the table of pairs calls the packs; no two are alike.

    Args:
        packs: In the order in which they are compared.
    """
    free = FreeNames()
    return [free(pack.name) for pack in packs]


def find_leaks(
    packs: Sequence[Pack],
    *,
    pictures: bool = True,
    within: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Find pairs of rows across the splits of each pack, and across packs; excluded rows are not looked at.

    Args:
        packs: Those to learn from first.
        pictures: Look for near copies, too, which takes longest.
        within: Also copies (files and pictures) within one split; `a` is the later row.
        progress: Called with steps done and in all while pictures are compared.

    Returns:
        One row a pair, columns `PAIR_COLUMNS`; `distance` is bits of 128, `likeness` at most 1.
    """
    roster = _roster(packs)
    person = roster.groupby(["pack", "subject"]).ngroup().where(roster["subject"].notna())
    found = [
        _sharing(roster, roster["sha256"], "file", within),
        _copies(roster, packs, within, progress) if pictures else pd.DataFrame(),
        _sharing(roster, person, "subject"),
        _sharing(roster, _telling(roster, "subject"), "subject", only_across=True),
        _sharing(roster, _telling(roster, "name"), "name"),
    ]
    pairs = pd.concat(found, ignore_index=True)
    proved = pairs[pairs["how"].isin(LEAKS[:2])]
    is_hint = pairs["how"] == "name"
    known = pd.MultiIndex.from_frame(pairs[["a", "b"]]).isin(pd.MultiIndex.from_frame(proved[["a", "b"]]))
    return _table(pairs[~(is_hint & known)], roster, pack_names(packs))


def across(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that make a score dishonest: proved ones, in two splits or two packs.

    Args:
        pairs: Of `find_leaks`.
    """
    same_split = (pairs["pack_a"] == pairs["pack_b"]) & (pairs["split_a"] == pairs["split_b"])
    return pairs[pairs["how"].isin(LEAKS) & ~same_split]


def summarise(pairs: pd.DataFrame) -> pd.DataFrame:
    """Count pairs by where and how: pairs, rows of either side, mirrored ones, and different labels.

    Args:
        pairs: Of `find_leaks`.
    """
    keys = ["pack_a", "split_a", "pack_b", "split_b", "how"]
    return (
        pairs.groupby(keys, sort=False)
        .agg(
            pairs=("row_a", "size"),
            rows_a=("row_a", "nunique"),
            rows_b=("row_b", "nunique"),
            mirrored=("mirrored", "sum"),
            labels_differ=("labels_differ", "sum"),
        )
        .reset_index()
    )


def rows_to_exclude(pairs: pd.DataFrame, pack: str) -> pd.Series:
    """Return the rows of a pack that have to go, lest what is learned from knows what is measured on.

    The `a` of a pair goes, but no row of a test split; so pairs of two test rows remain.

    Args:
        pairs: Of `find_leaks`.
        pack: Its name, as there.

    Returns:
        Reasons; the index holds the rows.
    """
    goes = pairs["how"].isin(LEAKS) & (pairs["pack_a"] == pack) & (pairs["split_a"] != SPLITS[-1])
    told = pairs[goes].drop_duplicates("row_a")
    partners = told[["how", "pack_b", "file_b"]].to_numpy().tolist()
    reasons = [f"{how} of {other}: {file}" for how, other, file in partners]
    return pd.Series(reasons, index=told["row_a"].to_numpy(dtype=int), dtype=object)


def _roster(packs: Sequence[Pack]) -> pd.DataFrame:
    """Return all rows in use, ordered by `side`, which counts the splits of all packs from train to test."""
    parts = []
    for number, pack in enumerate(packs):
        part = pack.manifest[["file", "expression", "subject", "sha256"]].copy()
        part["name"] = [PurePosixPath(file).name for file in part["file"]]
        part["split"], part["row"], part["pack"] = split_names(pack.manifest), np.arange(len(part)), number
        parts.append(part[~part["row"].isin(excluded_rows(pack))])
    roster = pd.concat(parts, ignore_index=True)
    rank = roster["split"].map({name: place for place, name in enumerate(("", *SPLITS))})
    roster["side"] = rank * len(packs) + roster["pack"]
    return roster.sort_values(["side", "row"], ignore_index=True)


def _sharing(
    roster: pd.DataFrame, keys: pd.Series, how: str, within: bool = False, *, only_across: bool = False
) -> pd.DataFrame:
    """Pair rows with the same key that stand on two sides."""
    known = keys[keys.notna()]
    sides = dict(list(known.groupby(roster["side"])))
    found = []
    for s, t in combinations(sides, 2):
        if not only_across or roster["pack"][sides[s].index[0]] != roster["pack"][sides[t].index[0]]:
            found.append(_in_turn(sides[s], sides[t]))
    for part in sides.values() if within else ():
        first = part.groupby(part).transform(lambda group: group.index[0])
        twins = pd.DataFrame({"a": part.index, "b": first.to_numpy()}).query("a != b")
        # several faces of one photo are several rows of one file, and no copies
        found.append(twins[roster["file"][twins["a"]].to_numpy() != roster["file"][twins["b"]].to_numpy()])
    return pd.concat([pd.DataFrame({"a": [], "b": []}, dtype=int), *found]).assign(how=how)


def _in_turn(first: pd.Series, second: pd.Series) -> pd.DataFrame:
    """Pair rows of one key so that each is named: those of the longer side, with the shorter's in turn."""
    common = first[first.isin(second)].unique()
    sides = []
    for keys in (first, second):
        side = keys[keys.isin(common)].rename("key").rename_axis("at").reset_index()
        groups = side.groupby("key")["at"]
        sides.append(side.assign(place=groups.cumcount(), size=groups.transform("size")))
    found = []
    for one, two, names in ((0, 1, "ab"), (1, 0, "ba")):
        longer = sides[one].merge(sides[two].groupby("key")["at"].size().rename("other"), on="key")
        is_longer = longer["size"] > longer["other"] if names == "ba" else longer["size"] >= longer["other"]
        longer = longer[is_longer]
        longer["place"] %= longer["other"]
        both = longer.merge(sides[two], on=["key", "place"])
        found.append(pd.DataFrame({names[0]: both["at_x"], names[1]: both["at_y"]}))
    return pd.concat(found)


def _copies(
    roster: pd.DataFrame,
    packs: Sequence[Pack],
    within: bool,
    progress: Callable[[int, int], None] | None,
) -> pd.DataFrame:
    """Pair near copies of two sides, without those that are the same file."""
    sides = [part for _, part in roster.groupby("side")]
    parts = [(packs[side["pack"].iloc[0]].pictures, side["row"].to_numpy()) for side in sides]
    compared = [*combinations(range(len(sides)), 2), *((s, s) for s in range(len(sides)) if within)]
    found = find_copies(parts if compared else [], compared, progress)
    for (s, t), table in zip(compared, found, strict=True):
        table["a"] = sides[s].index.to_numpy()[table["a"].to_numpy(dtype=int)]
        table["b"] = sides[t].index.to_numpy()[table["b"].to_numpy(dtype=int)]
    pairs = pd.concat([pd.DataFrame({"a": [], "b": []}, dtype=int), *found])
    a, b = (roster.iloc[pairs[side].to_numpy(dtype=int)].reset_index(drop=True) for side in "ab")
    same_photo = (a["file"] == b["file"]) & (a["side"] == b["side"])
    is_same = (a["sha256"].notna() & (a["sha256"] == b["sha256"])) | same_photo
    return pairs[~is_same.to_numpy()].assign(how="picture")


def _telling(roster: pd.DataFrame, column: str) -> pd.Series:
    """Return the column where its values name something; missing where they merely count."""
    kept = pd.Series(None, index=roster.index, dtype=object)
    for _, values in roster[column].groupby(roster["pack"]):
        names = set(_names(values.dropna().unique()))
        kept.update(values[values.isin(names)])
    return kept


def _names(values: Iterable[str]) -> list[str]:
    """Return the values whose letters few others have: `s01` of one owner is nobody of another's."""
    patterns = {value: re.sub(r"\d+", "#", PurePosixPath(value).stem) for value in values}
    shared = pd.Series(list(patterns.values()), dtype=object).value_counts()
    most = max(1.0, _COUNTER_SHARE * len(patterns))
    return [
        value
        for value, pattern in patterns.items()
        if shared[pattern] <= most and sum(map(str.isalpha, pattern)) >= _LETTERS
    ]


def _table(pairs: pd.DataFrame, roster: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    table = pairs.reindex(columns=["how", "distance", "likeness", "mirrored"]).reset_index(drop=True)
    for side in "ab":
        rows = roster.iloc[pairs[side].to_numpy(dtype=int)].reset_index(drop=True)
        for column in _OF_A_ROW:
            table[f"{column}_{side}"] = rows[column]
        table[f"pack_{side}"] = [names[number] for number in rows["pack"]]
    both = table["expression_a"].notna() & table["expression_b"].notna()
    differ = both & (table["expression_a"] != table["expression_b"])
    table["labels_differ"] = differ & table["how"].isin(LEAKS[:2])
    table["mirrored"] = table["mirrored"].eq(True)
    table["distance"] = table["distance"].astype("Int64")
    return table[list(PAIR_COLUMNS)]
