"""Refuses scores that are not honest: on test faces, or people, whose labels were learned from.

Only what is cheap and certain is looked at: equal files, and equal people of one pack. `ferda check` finds
near copies, too. Test faces that training saw *without* labels are no leak (papers call it transductive), but
are told. And a run's recipe says how many rows of its packs were taken out, so that another run has the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.data.domain import Domain, place_and_split
from ferda.data.exclusions import count_excluded
from ferda.data.pack import is_pack
from ferda.engine.recipe import Recipe
from ferda.errors import UserError

#: How reports call test faces that were trained on in some way.
SAME_FILE = "trained on with their labels"
SAME_PERSON = "of people who were trained on"
SEEN = "seen in training without labels"
UNCOMPARED = "not compared with what training used and is not there now:"


def find_learned(sources: Sequence[Domain], test: Domain) -> dict[str, int]:
    """Count test rows whose file, or whose person in the same pack, labels were learned from.

    Args:
        sources: What labels were learned from.
        test: What is scored.

    Returns:
        Rows by reason, without those that are none.
    """
    files, people = np.zeros(len(test), dtype=bool), np.zeros(len(test), dtype=bool)
    for source in sources:
        files |= _have_same(test, source, "sha256")
        if _is_same_pack(source, test):
            files |= np.isin(test.rows, source.rows)
            people |= _have_same(test, source, "subject")
    counts = {SAME_FILE: int(files.sum()), SAME_PERSON: int((people & ~files).sum())}
    return {reason: count for reason, count in counts.items() if count}


def find_seen(target: Domain | None, test: Domain) -> dict[str, int]:
    """Count test rows that training saw without labels; as `find_learned`.

    Args:
        target: What was adapted to, if anything.
        test: What is scored.
    """
    if target is None:
        return {}
    same = _have_same(test, target, "sha256")
    if _is_same_pack(target, test):
        same = same | np.isin(test.rows, target.rows)
    return {SEEN: int(same.sum())} if same.any() else {}


def refuse(learned: dict[str, int], sources: Sequence[Domain], test: Domain, way_on: str) -> None:
    """Raise if a score would not be honest.

    Args:
        learned: Of `find_learned`.
        sources: What labels were learned from.
        test: What is scored.
        way_on: The words that allow it.

    Raises:
        UserError: If any row was learned from.
    """
    if learned:
        told = " and ".join(f"{count} are {reason}" for reason, count in learned.items())
        packs = dict.fromkeys(str(domain.pack.path) for domain in (*sources, test))
        raise UserError(
            f"A score on {test.name} would not be honest: of its {len(test)} faces {told}; see "
            f"'ferda check {' '.join(packs)}', take them out with its --exclude, or go on with {way_on}."
        )


def with_excluded(recipe: Recipe) -> Recipe:
    """Return the recipe with the number of rows of each pack that are taken out.

    Args:
        recipe: Of a run that begins, or of one that shall be repeated.

    Raises:
        UserError: If it names other numbers than there are now.
    """
    data = recipe.data
    specs = [*data.sources, *filter(None, (data.target, data.watch))]
    places = dict.fromkeys(place_and_split(spec)[0] for spec in specs)
    counts = {place: count_excluded(Path(place)) for place in places if is_pack(Path(place))}
    counts = {place: count for place, count in counts.items() if count}
    if data.excluded and data.excluded != counts:
        raise UserError(
            f"The recipe was made with rows excluded ({data.excluded}), now it is {counts}: repeat "
            "'ferda check --exclude' or --include-all, or write data.excluded={} to take them as they are."
        )
    return recipe.model_copy(update={"data": data.model_copy(update={"excluded": counts})})


def _is_same_pack(one: Domain, other: Domain) -> bool:
    return one.pack.path.resolve() == other.pack.path.resolve()


def _have_same(test: Domain, other: Domain, column: str) -> NDArray[np.bool_]:
    values = other.manifest[column].dropna().unique()
    found: pd.Series = test.manifest[column].isin(values)
    return found.to_numpy(dtype=bool)
