"""Counts against the numbers that an owner published, and the oldest mistake: labels that are off by one.

Owners number classes from 0 or from 1, each in another order. A program that reads one owner's numbers in
another's order still trains, and answers `fear` for `surprise`. The counts give it away: they fit the
official table as soon as the names are exchanged in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ferda.data.manifest import SPLITS
from ferda.expressions import CLASS_ORDERS, EXPRESSIONS

#: Labels are called misread if more than this share of the misfit goes when the names are exchanged.
_CLEARLY = 0.75


@dataclass(frozen=True)
class Misreading:
    """How labels were probably misread.

    Attributes:
        story: What happened, in words.
        before: Rows that differ from the official table.
        misfit: Rows that still differ when the names are exchanged.
        truly: For each expression as labelled, what it is.
    """

    story: str
    before: int
    misfit: int
    truly: dict[str, str]

    def sentence(self, title: str) -> str:
        """Say it to the user.

        Args:
            title: Of the data set.
        """
        truly = ", ".join(f"{label} is {true}" for label, true in self.truly.items())
        return (
            f"The counts fit those of {title} only if {self.story} ({truly}): {self.before} rows differ, "
            f"{self.misfit} then; prepare it again in the right order."
        )


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


def tell_absent(counts: pd.DataFrame, official: Mapping[str, Mapping[str, int]], title: str) -> list[str]:
    """Say which of the owner's splits are not there at all, if others are.

    Args:
        counts: As for `against_official`.
        official: Rows of each expression in each split.
        title: Of the data set.
    """
    absent = [split for split in SPLITS if split in official and split not in counts.columns]
    if len(absent) == len(official):
        return []
    return [
        f"{title} has no row of '{split}', {sum(official[split].values()):,} are published."
        for split in absent
    ]


def find_misreading(compared: pd.DataFrame, codes: Sequence[str]) -> Misreading | None:
    """Return how labels were misread, if the counts fit far better then.

    Args:
        compared: Of `against_official`.
        codes: What the owner's numbers mean, in their order; what is no expression does not count.
    """
    as_it_is = int(compared["difference"].abs().sum())
    order = tuple(dict.fromkeys(code for code in codes if code in EXPRESSIONS))
    found = [
        Misreading(story, as_it_is, _misfit(compared, truly), truly)
        for story, truly in _stories(order)
        if truly
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
