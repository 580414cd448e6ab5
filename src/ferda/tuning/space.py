"""Which settings are searched, between which values, and how they are laid over a recipe."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, model_validator

from ferda.engine.recipe import Recipe
from ferda.engine.recipe_sections import Checked

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


class Range(Checked):
    """Numbers between two ends.

    Attributes:
        low: Smallest.
        high: Largest.
        log: Draw orders of magnitude, not numbers.
        step: Distance between numbers; None takes any, or all whole ones where the setting is whole.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _makes_sense(self) -> Range:
        if not self.low < self.high:
            raise ValueError("low must be less than high")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs low above 0, and no step")
        return self


@dataclass(frozen=True)
class Setting:
    """One setting that is searched.

    Attributes:
        key: As `--set` writes it.
        values: By what the study calls them: themselves, or text for what is no scalar; none for a range.
        range: Ends; None for a list of values.
        is_whole: Whether the range holds whole numbers.
    """

    key: str
    values: dict[Any, Any]
    range: Range | None = None
    is_whole: bool = False

    def distribution(self) -> BaseDistribution:
        """What Optuna draws from."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.range is None:
            return CategoricalDistribution(list(self.values))
        (low, high), step, log = self.ends, self.range.step, self.range.log
        if self.is_whole:
            return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
        return FloatDistribution(low, high, log=log, step=step)

    @property
    def ends(self) -> tuple[float, ...]:
        """Smallest and largest number of a range; nothing for a list."""
        if self.range is None:
            return ()
        kind = int if self.is_whole else float
        return kind(self.range.low), kind(self.range.high)

    def holds(self, value: Any) -> bool:
        """Whether a value of the recipe is one that could be drawn."""
        if self.range is None:
            return scalar(value) in self.values
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return is_number and self.range.step is None and self.range.low <= value <= self.range.high


@dataclass(frozen=True)
class Space:
    """All settings that are searched.

    Attributes:
        settings: At least one.
        raw: As its author wrote it.
    """

    settings: tuple[Setting, ...]
    raw: dict[str, Any]

    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna draws from, by key."""
        return {setting.key: setting.distribution() for setting in self.settings}

    def lay_over(self, recipe: Recipe, drawn: Mapping[str, Any]) -> Recipe:
        """Return a recipe with drawn values.

        Args:
            recipe: Of the search.
            drawn: By key, as the study calls them.

        Raises:
            UserError: If the values do not go together.
        """
        found = {one.key: one.values.get(drawn[one.key], drawn[one.key]) for one in self.settings}
        return changed(recipe, found)

    def own_values(self, recipe: Recipe) -> dict[str, Any] | None:
        """Return the values that a recipe has itself, as the study calls them.

        Args:
            recipe: Of the search.

        Returns:
            None if one of them lies outside of the space.
        """
        values = {setting.key: own_value(recipe, setting.key) for setting in self.settings}
        if not all(setting.holds(values[setting.key]) for setting in self.settings):
            return None
        return {
            one.key: scalar(values[one.key]) if one.range is None else values[one.key]
            for one in self.settings
        }


def own_value(recipe: Recipe, key: str) -> Any:
    """Return what a recipe says of a setting, its defaults included; None if it says nothing.

    Args:
        recipe: Of the search.
        key: As `--set` writes it.
    """
    raw: Any = recipe.to_dict() | {"method": recipe.method.config().model_dump(mode="json")}
    parts = key.split(".")
    if parts[:2] == ["training", "stages"] and len(parts) > 3:
        raw, parts = recipe.training.stage(parts[2]).model_dump(mode="json"), parts[3:]
    for part in parts:
        raw = raw.get(part) if isinstance(raw, dict) else None
    return raw


def changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return a recipe with values replaced, checked as a whole.

    Args:
        recipe: Of the search.
        values: By key, as `--set` writes it.

    Raises:
        UserError: If the recipe does not take them.
    """
    flow = {
        key: yaml.safe_dump([value], default_flow_style=True, width=10**9) for key, value in values.items()
    }
    # a list of one in YAML's short form, and its brackets taken off: 1.0e-05 stays a number, unlike 1e-05
    return recipe.override(*(f"{key}={text.strip()[1:-1]}" for key, text in flow.items()))


def scalar(value: Any) -> Any:
    """Return what the study calls a value: it knows no lists and no tables.

    Args:
        value: Of a recipe.
    """
    is_scalar = value is None or isinstance(value, bool | int | float | str)
    return value if is_scalar else json.dumps(value, sort_keys=True)
