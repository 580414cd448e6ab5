"""All pairs of hashes that differ in few bits, as they are or mirrored, without a matrix of all pairs.

Copies of faces that were cut out elsewhere by 2 % differ in up to a quarter of the bits. At such a radius an
index by parts of the hash looks at a third of all pairs, in random order; so every pair is looked at, in
order: blocks that fit the cache, whole words, both orientations at once, a few hundred million pairs a second
and core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ferda.data.picture_hash import BITS

#: Bits that may differ between copies.
RADIUS = BITS // 4
_ROWS, _COLUMNS = 256, 1024
#: Blocks that are worked on ahead of whoever takes the results: what bounds the memory.
_AHEAD = 64
_T = TypeVar("_T")


@dataclass(frozen=True)
class NearPairs:
    """Pairs of hashes.

    Attributes:
        first: (P,) positions among the first hashes.
        second: (P,) positions among the second hashes.
        distance: (P,) bits that differ, the lesser of both orientations.
        mirrored: (P,) whether that is with one of the pictures mirrored.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    distance: NDArray[np.int64]
    mirrored: NDArray[np.bool_]


def near_pairs(
    first: NDArray[np.uint64],
    second: NDArray[np.uint64] | None,
    decide: Callable[[NearPairs], _T],
    radius: int = RADIUS,
) -> Iterator[_T]:
    """Find all pairs within a radius, and let a function work on them, on all cores.

    Args:
        first: (N, 2) words of `PictureHashes`.
        second: (M, 2) likewise; None pairs each of the first with those before it.
        decide: Gets all pairs of some hundred consecutive rows of the first.
        radius: Bits that may differ.

    Yields:
        What `decide` answers, in the order of the rows.
    """

    def search(start: int) -> _T:
        rows = first[start : start + _ROWS]
        if second is not None:
            return decide(_search(rows, second, start, radius))
        found = _search(rows, first[: start + _ROWS], start, radius)
        before = found.second < found.first
        return decide(NearPairs(*(part[before] for part in vars(found).values())))

    starts = range(0, len(first), _ROWS)
    with ThreadPoolExecutor() as pool:
        for begin in range(0, len(starts), _AHEAD):
            yield from pool.map(search, starts[begin : begin + _AHEAD])


def _search(rows: NDArray[np.uint64], others: NDArray[np.uint64], start: int, radius: int) -> NearPairs:
    found = [np.empty((4, 0), dtype=np.int64)]
    for left in range(0, len(others), _COLUMNS):
        part = others[left : left + _COLUMNS]
        even = np.bitwise_count(rows[:, :1] ^ part[:, 0])
        odd = np.bitwise_count(rows[:, 1:] ^ part[:, 1])
        turned = BITS // 2 - odd
        nearest = even + np.minimum(odd, turned)
        near = np.flatnonzero(nearest <= radius)
        row, column = np.divmod(near, len(part))
        is_mirrored = turned.ravel()[near] < odd.ravel()[near]
        found.append(np.stack([row + start, column + left, nearest.ravel()[near], is_mirrored]))
    first, second, distance, mirrored = np.concatenate(found, axis=1)
    return NearPairs(first, second, distance, mirrored.astype(bool))
