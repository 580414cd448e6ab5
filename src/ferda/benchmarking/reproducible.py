"""Published results that can be trained again: which recipe, which data sets, and where each number stands.

`reproducible.yaml` holds what is not in `published.csv`. A cell is one number; its name says method, sources,
target and, where there are several, the network: `agra/raf-db/sfew/ir50`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

import yaml

from ferda.benchmarking.published import all_published
from ferda.engine.recipe import Recipe, parse_recipe, recipe_for
from ferda.errors import UserError, nearest


@dataclass(frozen=True)
class DataSet:
    """A data set of a cell.

    Attributes:
        title: As the paper calls it.
        name: As ferda calls it.
        adapts: Part that a target gives for adapting, for instance `@train`.
        test: Part that is tested.
    """

    title: str
    name: str
    adapts: str
    test: str


@dataclass(frozen=True)
class PublishedCell:
    """One published number and what it takes to train it again.

    Attributes:
        name: Of the cell.
        accuracy: Published, per cent.
        place: Where it stands.
        chosen_by: What chose its epoch there.
        method: As ferda calls it.
        recipe: Of the package.
        changes: `a.b=value` changes to it.
        sources: Data sets with labels.
        target: Data set that is tested.
        weights: Start weights that the recipe wants with --weights; empty for none.
        start: Run that it wants with --start; empty for none.
        last: Published accuracy of the last epoch, per cent; None if unknown.
        test_faces: How many faces were tested there; None if unknown.
        differs: What is known to be different here.
    """

    name: str
    accuracy: float
    place: str
    chosen_by: str
    method: str
    recipe: str
    changes: tuple[str, ...]
    sources: tuple[DataSet, ...]
    target: DataSet
    weights: str = ""
    start: str = ""
    last: float | None = None
    test_faces: int | None = None
    differs: tuple[str, ...] = ()

    @property
    def data_sets(self) -> tuple[DataSet, ...]:
        """All that it needs, each once."""
        found = {one.name: one for one in (*self.sources, self.target)}
        return tuple(found.values())

    def full_recipe(self, changes: Sequence[str] = ()) -> Recipe:
        """Return what is trained, without domains.

        Args:
            changes: `a.b=value`, of the user.

        Raises:
            UserError: If a change is a mistake.
        """
        recipe = recipe_for(self.method, self.recipe, changes=self.changes)
        return parse_recipe(recipe.to_dict(), changes, where=f"The recipe of {self.name}")


def all_cells() -> list[PublishedCell]:
    """Return every cell that can be trained again, in the order of the file."""
    return list(_cells())


def reasons() -> dict[str, str]:
    """Return why other published numbers cannot be trained again, by method."""
    raw = _raw()
    return {**raw["cd_fer"]["missing"], **raw["missing"]}


def find_cells(words: str) -> list[PublishedCell]:
    """Return the cells whose name begins with some words.

    Args:
        words: A whole name, or its beginning up to a `/`.

    Raises:
        UserError: If there is none.
    """
    parts = words.lower().strip("/").split("/")
    cells = all_cells()
    found = [cell for cell in cells if cell.name.split("/")[: len(parts)] == parts]
    if found:
        return found
    names = {"/".join(cell.name.split("/")[: len(parts)]) for cell in cells}
    because = next((why for method, why in reasons().items() if parts[0] in method.lower().split(", ")), "")
    raise UserError(
        f"No published result called '{words}' can be trained again"
        + (f": {because}." if because else f"{nearest(words, sorted(names))}; 'ferda reproduce' lists them.")
    )


def _cells() -> Iterator[PublishedCell]:
    raw = _raw()
    known = {title: DataSet(title, **fields) for title, fields in raw["data_sets"].items()}
    yield from _cd_fer(raw["cd_fer"], known)
    for name, cell in raw["single"].items():
        yield PublishedCell(
            name=name,
            accuracy=cell["accuracy"],
            place=cell["place"],
            chosen_by=cell.get("chosen_by", "test labels"),
            method=name.split("/")[0].removesuffix("++"),
            recipe=cell["recipe"],
            changes=tuple(cell.get("changes", ())),
            sources=tuple(known[title] for title in cell["sources"]),
            target=known[cell["target"]],
            weights=cell.get("weights", ""),
            start=cell.get("start", ""),
            last=cell.get("last"),
            differs=tuple(cell.get("differs", ())),
        )


def _cd_fer(table: Mapping[str, Any], known: Mapping[str, DataSet]) -> Iterator[PublishedCell]:
    for one in all_published():
        rule = table["methods"].get(one.method)
        if rule is None:
            continue
        network = {**table["backbones"], **rule.get("also", {})}.get(one.backbone)
        if network is None:
            continue
        method, source, target = one.method.lower(), known[one.source], known[one.target]
        # the recipe of AGRA is theirs as it is
        shared = [] if rule["recipe"] == "agra_paper" else table["shared"]
        notes = [*rule.get("differs", ()), *table["differs"]]
        notes += [table["targets"][one.target]] if one.target in table["targets"] else []
        yield PublishedCell(
            name=f"{method}/{source.name}/{target.name}/{network['name']}",
            accuracy=one.accuracy,
            place=f"{one.paper}, as the readme of its program has it",
            chosen_by=one.chosen_by,
            method=rule.get("method", method),
            recipe=rule["recipe"],
            changes=(*shared, *rule.get("changes", ()), *network["changes"]),
            sources=(source,),
            target=target,
            weights=table["weights"],
            test_faces=table["test_faces"].get(one.target),
            differs=tuple(notes),
        )


@functools.cache
def _raw() -> dict[str, Any]:
    text = resources.files("ferda.benchmarking").joinpath("reproducible.yaml").read_text(encoding="utf-8")
    raw: dict[str, Any] = yaml.safe_load(text)
    return raw
