"""Near copies among the pictures of packs: hashes find candidates, the pictures themselves decide."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.data.near_copies import NearPairs, near_pairs
from ferda.data.pack import Pictures
from ferda.data.picture_hash import PictureHashes, hash_pictures
from ferda.data.picture_likeness import SAME, likeness, thumbnails

#: Copies that are listed for one picture, the likeliest: a film has thousands, and one is enough.
PARTNERS = 5
_BATCH = 128
_COLUMNS = {"a": int, "b": int, "distance": int, "likeness": float, "mirrored": bool}

#: Some rows of some pictures.
Part = tuple[Pictures, NDArray[np.int64]]


def find_copies(
    parts: Sequence[Part],
    compared: Sequence[tuple[int, int]],
    progress: Callable[[int, int], None] | None = None,
) -> list[pd.DataFrame]:
    """Find pictures of one part that are copies of pictures of another, as they are or mirrored.

    Pictures of one colour are copies of nothing.

    Args:
        parts: Pictures, and which rows of them are compared.
        compared: Which part with which; a part with itself pairs each row with the rows before it.
        progress: Called with steps done and in all: a picture read, or searched for in another part.

    Returns:
        For each of `compared` a table with the columns `a` and `b` (positions among the rows of the parts),
        `distance` (bits), `likeness` and `mirrored`.
    """
    steps = [len(rows) for _, rows in parts] + [len(parts[a][1]) for a, _ in compared]
    done = iter(np.cumsum(steps).tolist())

    def step() -> None:
        if progress:
            progress(next(done), sum(steps))

    hashes = []
    for pictures, rows in parts:
        hashes.append(hash_pictures(pictures, rows))
        step()
    tables = []
    for a, b in compared:
        tables.append(_compared((parts[a], hashes[a]), None if a == b else (parts[b], hashes[b])))
        step()
    return tables


def _compared(one: tuple[Part, PictureHashes], other: tuple[Part, PictureHashes] | None) -> pd.DataFrame:
    (part_a, hashes_a), (part_b, hashes_b) = one, other or one
    shown_a, shown_b = np.flatnonzero(~hashes_a.is_flat), np.flatnonzero(~hashes_b.is_flat)

    def decide(near: NearPairs) -> pd.DataFrame:
        table = pd.DataFrame({"a": shown_a[near.first], "b": shown_b[near.second]})
        table = table.assign(distance=near.distance, mirrored=near.mirrored)
        return _decided(table, part_a, part_b)

    others = None if other is None else hashes_b.words[shown_b]
    found = list(near_pairs(hashes_a.words[shown_a], others, decide))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=[*_COLUMNS])


def _decided(candidates: pd.DataFrame, a: Part, b: Part) -> pd.DataFrame:
    """Keep the candidates that are copies, and of each row the likeliest."""
    scores = [np.empty(0, dtype=np.float32)]
    for start in range(0, len(candidates), _BATCH):
        part = candidates.iloc[start : start + _BATCH]
        first, second = _thumbnails(a, part["a"].to_numpy()), _thumbnails(b, part["b"].to_numpy())
        mirrored = part["mirrored"].to_numpy()
        second[mirrored] = second[mirrored][:, :, ::-1]
        scores.append(likeness(first, second))
    table = candidates.assign(likeness=np.concatenate(scores))
    table = table[table["likeness"] >= SAME].sort_values(["a", "likeness"], ascending=[True, False])
    return table.groupby("a").head(PARTNERS).astype(_COLUMNS)


def _thumbnails(part: Part, positions: NDArray[np.int64]) -> NDArray[np.float32]:
    pictures, rows = part
    needed, places = np.unique(positions, return_inverse=True)
    return thumbnails(pictures.gather(rows[needed]))[places]
