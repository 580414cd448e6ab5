"""Counts against the numbers that an owner published, and the oldest mistake: labels that are off by one.

Owners number classes from 0 or from 1, each in another order. A program that reads one owner's numbers in
another's order still trains, and answers `fear` for `surprise`. The counts give it away: they fit the
official table as soon as the names are exchanged in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ferda.expressions import CLASS_ORDERS, EXPRESSIONS

#: Labels are called misread if more than this share of the misfit goes when the names are exchanged.
_CLEARLY = 0.75


@dataclass(frozen=True)
class Misreading:
    """How labels were probably misread.

    Attributes:
        story: What happened, in words.
        misfit: Rows that still differ from the official table when the names are exchanged.
        truly: For each expression as labelled, what it is.
    """

    story: str
    misfit: int
    truly: dict[str, str]


def against_official(counts: pd.DataFrame, official: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """Compare counts with an official table, split by split; as a whole if they share no split.

    Args:
        counts: As `ferda.data.audit.count_table` returns it: expressions by splits, and `all`.
        official: Rows of each expression in each split.

    Returns:
        Columns `split`, `expression`, `found`, `official` and `difference` (found less official); expressions
        in the order of `counts`, then those that only the owner has.
    """
    shared = [split for split in official if split in counts.columns]
    tables = {split: official[split] for split in shared}
    if not tables:
        whole = pd.DataFrame(official).sum(axis=1)
        tables, shared = {"all": {str(name): int(rows) for name, rows in whole.items()}}, ["all"]
    rows = [
        (split, name, int(counts[split].get(name, 0)), int(tables[split].get(name, 0)))
        for split in shared
        for name in dict.fromkeys([*map(str, counts.index), *tables[split]])
        if name in EXPRESSIONS
    ]
    table = pd.DataFrame(rows, columns=["split", "expression", "found", "official"])
    table["difference"] = table["found"] - table["official"]
    return table


def find_misreading(compared: pd.DataFrame, codes: Sequence[str]) -> Misreading | None:
    """Return how labels were misread, if the counts fit far better then.

    Args:
        compared: Of `against_official`.
        codes: Expressions in the order of the owner's numbers.
    """
    as_it_is = compared["difference"].abs().sum()
    found = [
        Misreading(story, _misfit(compared, truly), truly) for story, truly in _stories(tuple(codes)) if truly
    ]
    best = min(found, key=lambda misreading: misreading.misfit, default=None)
    return best if best is not None and best.misfit < (1 - _CLEARLY) * as_it_is else None


def _stories(codes: tuple[str, ...]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each known way to misread the codes: what is told, and what each label truly is."""
    for words, step in (("one too high", -1), ("one too low", 1)):
        turned = [codes[(place + step) % len(codes)] for place in range(len(codes))]
        yield f"the labels are off by one: each number was read {words}", _exchange(codes, turned)
    for name, order in CLASS_ORDERS.items():
        if set(order) >= set(codes) or set(order) <= set(codes):
            yield f"the numbers were read in the order of {name}", _exchange(order, codes)


def _exchange(read: Sequence[str], meant: Sequence[str]) -> dict[str, str]:
    return {one: other for one, other in zip(read, meant, strict=False) if one != other}


def _misfit(compared: pd.DataFrame, truly: Mapping[str, str]) -> int:
    meant = compared["expression"].map(lambda name: truly.get(name, name))
    found = compared["found"].groupby([compared["split"], meant]).sum()
    official = compared["official"].groupby([compared["split"], compared["expression"]]).sum()
    return int(found.sub(official, fill_value=0).abs().sum())
