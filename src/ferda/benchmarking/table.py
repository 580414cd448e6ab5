"""A table of trainings: which methods, from which sources to which target, with which seeds.

A row of methods is a name and what differs. `name` says the method if the row is called otherwise; `start`
the row whose weights of the same seed it begins with; `layers` settings that several rows share. What comes
later replaces what came before, setting by setting: the method's own recipe, the table, the pair, the layers,
what their `by_pair` says of this pair alone, the row, and what its `by_pair` says.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from ferda.engine.recipe import Recipe, list_recipes, parse_recipe, read_recipe
from ferda.engine.recipe_sections import Checked
from ferda.errors import UserError
from ferda.expressions import class_list
from ferda.methods import method_class


@dataclass(frozen=True, order=True)
class Cell:
    """One training of a table: names of pair and row, and a seed."""

    pair: str
    row: str
    seed: int

    def __str__(self) -> str:
        return f"{self.row} on {self.pair}, seed {self.seed}"


class Settings(Checked):
    """Parts of a recipe, unchecked: a recipe is checked when it is whole."""

    method: dict[str, Any] = Field(default_factory=dict)
    data: dict[str, Any] = Field(default_factory=dict)
    training: dict[str, Any] = Field(default_factory=dict)


class Layer(Settings):
    """Settings, and by a pair's name what differs there."""

    by_pair: dict[str, Settings] = Field(default_factory=dict)


class Pair(Settings):
    """Sources and a target.

    Attributes:
        sources: Labelled domains.
        target: Domain to adapt to.
        test: Labelled domain that is scored; None takes the target's test split, or all of it.
        scored: Expressions whose faces count; None counts all.
        published: Data sets whose published numbers are shown beside: `{source: RAF-DB, target: SFEW 2.0}`.
    """

    sources: tuple[str, ...] = Field(min_length=1)
    target: str
    test: str | None = None
    scored: tuple[str, ...] | None = None
    published: dict[Literal["source", "target"], str] | None = None

    @field_validator("sources", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("scored")
    @classmethod
    def _names(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        try:
            return None if value is None else class_list(value)
        except UserError as error:
            raise ValueError(str(error)) from error


class Row(Layer):
    """A method with its settings.

    Attributes:
        name: The method; None if the row is called as the method is.
        start: Row whose run of the same pair and seed gives the weights to start from.
        layers: Shared settings, in order.
    """

    name: str | None = None
    start: str | None = None
    layers: tuple[str, ...] = ()


class Table(Settings):
    """Methods, pairs and seeds.

    Attributes:
        title: Heading of the report.
        seeds: One training each.
        base: What a recipe begins with: the `method`'s own one of the package, or `bare` defaults.
        baseline: Row that gains are measured against.
        pairs: Sources and target by name.
        methods: Rows by name, in the order of the report.
        layers: Shared settings by name.
    """

    title: str = "Benchmark"
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    base: Literal["method", "bare"] = "method"
    baseline: str = "source_only"
    pairs: dict[str, Pair] = Field(min_length=1)
    methods: dict[str, Row] = Field(min_length=1)
    layers: dict[str, Layer] = Field(default_factory=dict)

    @property
    def cells(self) -> list[Cell]:
        """All trainings: seed by seed, and what others start from before them."""
        rows = sorted(self.methods, key=lambda name: len(self.starts(name)))
        return [Cell(pair, row, seed) for seed in self.seeds for row in rows for pair in self.pairs]

    def starts(self, row: str) -> list[str]:
        """Rows that a row starts from, its own start first.

        Args:
            row: Its name.

        Raises:
            UserError: If it starts from itself in the end.
        """
        chain: list[str] = []
        before = self.methods[row].start
        while before is not None:
            if before == row or before in chain:
                raise UserError(f"methods.{row}.start leads back to '{before}'; a row needs a beginning.")
            chain.append(before)
            before = self.methods[before].start
        return chain

    def recipe(self, cell: Cell, start: Path | None = None) -> Recipe:
        """Return the whole recipe of a training, checked.

        Args:
            cell: The training.
            start: Run folder of the row that it starts from.

        Raises:
            UserError: Names every mistake.
        """
        row, pair = self.methods[cell.row], self.pairs[cell.pair]
        name = row.name or cell.row
        raw = read_recipe(name) if self.base == "method" and name in list_recipes() else {}
        parts: list[Settings] = [self, pair]
        for layer in (*(self.layers[layer] for layer in row.layers), row):
            parts += [layer, layer.by_pair.get(cell.pair, Settings())]
        for part in parts:
            for section in Settings.model_fields:
                raw[section] = (raw.get(section) or {}) | getattr(part, section)
        raw["method"] = raw["method"] | {"name": name}
        # a source-free method has seen its sources in the run that it starts from
        sources = pair.sources if method_class(name).needs.sources else ()
        raw["data"] |= {"sources": list(sources), "target": pair.target, "watch": pair.test}
        raw["training"] |= {"seed": cell.seed} | ({} if start is None else {"start": str(start)})
        recipe = parse_recipe(raw, where=f"The recipe of {cell}")
        if strangers := [name for name in pair.scored or () if name not in recipe.data.classes]:
            raise UserError(
                f"pairs.{cell.pair}.scored: {', '.join(strangers)} is not among the classes "
                f"{', '.join(recipe.data.classes)}."
            )
        return recipe
