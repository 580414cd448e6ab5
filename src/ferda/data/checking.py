"""All that is looked at in packs before anybody trains: counts, labels, and rows that know of each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ferda.data.audit import audit, count_table
from ferda.data.datasets import dataset
from ferda.data.datasets.base import Counts
from ferda.data.exclusions import exclude, excluded_rows, include_all
from ferda.data.leaks import across, find_leaks, pack_names, rows_to_exclude
from ferda.data.manifest import SPLITS
from ferda.data.official_counts import against_official, find_misreading, tell_absent
from ferda.data.pack import Pack
from ferda.errors import UserError


@dataclass(frozen=True)
class PackCheck:
    """What was found in one pack.

    Attributes:
        pack: Where.
        excluded: Rows of it that were out of use and not looked at.
        counts: Of all others, by expression and split.
        official: Of all rows, against the owner's numbers; None if these are not known.
        warnings: One sentence each.
        is_sound: Whether the labels can be what they should be: of several classes, and not misread.
    """

    pack: Pack
    excluded: int
    counts: pd.DataFrame
    official: pd.DataFrame | None
    warnings: tuple[str, ...]
    is_sound: bool


@dataclass(frozen=True)
class Check:
    """What was found in packs that are used together.

    Attributes:
        packs: By the name that `pairs` has for them.
        pairs: As `ferda.data.leaks.find_leaks` returns them.
    """

    packs: dict[str, PackCheck]
    pairs: pd.DataFrame

    @property
    def is_clean(self) -> bool:
        """Whether a score can be honest."""
        return across(self.pairs).empty and all(found.is_sound for found in self.packs.values())

    @property
    def excess(self) -> dict[str, pd.Series]:
        """Rows of each pack that `exclude` takes out, with reasons."""
        return {name: rows_to_exclude(self.pairs, name) for name in self.packs}

    def exclude(self) -> Check:
        """Take the training side of all pairs out of use; return what remains: pairs of two test rows."""
        for name, rows in self.excess.items():
            exclude(self.packs[name].pack, rows)
        return Check(self.packs, self.pairs[self.pairs["split_a"] == SPLITS[-1]])


def check_packs(
    paths: Sequence[Path],
    *,
    known_as: str | None = None,
    pictures: bool = True,
    within: bool = False,
    afresh: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Check:
    """Look at packs.

    Args:
        paths: Those to learn from first.
        known_as: The official data set that the first one is; by default what each says of itself.
        pictures: Look for near copies, too.
        within: Also for copies within one split.
        afresh: First take rows back into use that were taken out.
        progress: Called with steps done and in all while pictures are compared.

    Raises:
        UserError: If one is no pack, is named twice, or there is no such data set.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise UserError("A pack is named twice; name each once.")
    packs = [Pack.open(path) for path in paths]
    for pack in packs if afresh else ():
        include_all(pack)
    known = [known_as, *[None] * len(packs)]
    found = [check_pack(pack, name) for pack, name in zip(packs, known, strict=False)]
    pairs = find_leaks(packs, pictures=pictures, within=within, progress=progress)
    return Check(dict(zip(pack_names(packs), found, strict=True)), pairs)


def check_pack(pack: Pack, known_as: str | None = None) -> PackCheck:
    """Look at the counts and labels of one pack.

    Args:
        pack: Any.
        known_as: The official data set that it is; by default what it says of itself.

    Raises:
        UserError: If there is no such data set.
    """
    rows = excluded_rows(pack)
    found = audit(pack.manifest.drop(index=rows.tolist()))
    warnings, is_sound = list(found.warnings), pack.manifest["expression"].nunique() != 1
    name = known_as or pack.description.get("dataset")
    official = None
    if name is not None and (table := _official(pack, name)) is not None:
        known, counts = dataset(name), count_table(pack.manifest)
        official = against_official(counts, table)
        warnings += tell_absent(counts, table, known.title)
        misfit = int(official["difference"].abs().sum())
        if misread := find_misreading(official, list(known.codes.values())):
            is_sound = False
            warnings.append(misread.sentence(known.title))
        elif misfit:
            warnings.append(f"{misfit} rows differ from the official counts of {known.title}.")
    return PackCheck(pack, len(rows), found.counts, official, tuple(warnings), is_sound)


def _official(pack: Pack, name: str) -> Counts | None:
    """Return the numbers of the variant that was read, or else of the one that fits best."""
    variants, chosen = dataset(name).counts, str(pack.description.get("variant"))
    counts = count_table(pack.manifest)
    tables = [variants[chosen]] if chosen in variants else list(variants.values())
    return min(
        tables,
        key=lambda table: int(against_official(counts, table)["difference"].abs().sum()),
        default=None,
    )
