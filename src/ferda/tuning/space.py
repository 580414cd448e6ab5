"""Which settings are searched, and between which values.

A space is a table: the key of a setting, as `--set` writes it, and either a list of values or a range. It is
checked against the recipe that it will be laid over: every value that is named, and both ends of every range,
must make a recipe that could be trained. All mistakes are told together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from ferda.engine.recipe import Recipe
from ferda.engine.recipe_errors import explain
from ferda.engine.recipe_sections import Checked, StageRecipe
from ferda.errors import UserError
from ferda.methods import method_class

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

_SCORED = "decides what a score is, so trials could not be compared; give it with --set for all of them"
_MADE = "decides which method or which faces; that is another search"
#: What no search may change, and why.
FIXED = {
    **dict.fromkeys(("training.select", "training.guard", "training.score_rows", "data.holdout"), _SCORED),
    **dict.fromkeys(("method.name", "data.sources", "data.target", "data.watch", "data.classes"), _MADE),
    "training.seed": "is chance, not a setting; --seeds takes several for every trial",
}


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
        low, high, step, log = self.range.low, self.range.high, self.range.step, self.range.log
        if self.is_whole:
            return IntDistribution(int(low), int(high), log=log, step=int(step or 1))
        return FloatDistribution(low, high, log=log, step=step)

    def holds(self, value: Any) -> bool:
        """Whether a value of the recipe is one that could be drawn."""
        if self.range is None:
            return _name(value) in self.values
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
        return _changed(recipe, found)

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
            one.key: _name(values[one.key]) if one.range is None else values[one.key] for one in self.settings
        }


def read_space(given: str | Path | Mapping[str, Any], recipe: Recipe) -> Space:
    """Read a space and check it against a recipe.

    Args:
        given: A YAML file with the table `space`, or that table.
        recipe: What it will be laid over.

    Raises:
        UserError: If there is no such file, or it has mistakes; all are named at once.
    """
    if isinstance(given, Mapping):
        return parse_space(dict(given), recipe)
    try:
        raw = yaml.safe_load(Path(given).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read the space {given}: {error}.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{given} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict) or set(raw) != {"space"}:
        raise UserError(f"{given} must hold one table, 'space', with a line for each setting to search.")
    return parse_space(raw["space"], recipe, str(given))


def parse_space(raw: Any, recipe: Recipe, where: str = "the space") -> Space:
    """Check a space against a recipe.

    Args:
        raw: By key, a list of values, or `low`, `high` and perhaps `log` and `step`.
        recipe: What it will be laid over.
        where: How messages call the space.

    Raises:
        UserError: Names every mistake at once.
    """
    if not isinstance(raw, dict) or not raw:
        raise UserError(f"{where} is empty; name at least one setting, for instance training.rate.")
    mistakes: list[str] = []
    settings = [_setting(str(key), given, recipe, mistakes) for key, given in raw.items()]
    if mistakes:
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise UserError(f"{where} has {count}:\n  " + "\n  ".join(mistakes))
    return Space(tuple(setting for setting in settings if setting is not None), dict(raw))


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


def _setting(key: str, given: Any, recipe: Recipe, mistakes: list[str]) -> Setting | None:
    """Return a checked setting; what is wrong goes to `mistakes`."""
    before = len(mistakes)
    if key in FIXED:
        mistakes.append(f"{key}: {FIXED[key]}")
        return None
    found: Setting | None = None
    if isinstance(given, list):
        found = Setting(key, {_name(value): value for value in given})
        if len(found.values) < 2:
            mistakes.append(f"{key}: needs at least two different values, got {given}")
        probes: Sequence[Any] = given
    else:
        if not isinstance(given, dict):
            mistakes.append(f"{key}: needs a list of values, or low and high, got {given!r}")
            return None
        try:
            limits = Range.model_validate(given)
        except ValidationError as error:
            mistakes += explain(error, Range, key)
            return None
        numbers = [limits.low, limits.high] + ([] if limits.step is None else [limits.step])
        can_be_whole = all(number.is_integer() for number in numbers)
        is_whole = can_be_whole and bool(_refusals(recipe, key, limits.low + 0.5))
        probes = [int(end) if is_whole else end for end in (limits.low, limits.high)]
        found = Setting(key, {}, limits, is_whole)
    mistakes += dict.fromkeys(said for probe in probes for said in _refusals(recipe, key, probe))
    if len(mistakes) == before and (idle := _without_effect(recipe, key)):
        mistakes.append(idle)
    return found


def _refusals(recipe: Recipe, key: str, value: Any) -> list[str]:
    """What the recipe says against a value."""
    try:
        _changed(recipe, {key: value})
    except UserError as error:
        first, *rest = str(error).split("\n  ")
        return rest or [first]
    return []


def _without_effect(recipe: Recipe, key: str) -> str:
    """Say so if every stage of the method has its own value of a setting that stands for all of them."""
    section, _, name = key.partition(".")
    if section != "training" or name.partition(".")[0] not in StageRecipe.model_fields:
        return ""
    stages = method_class(recipe.method.name).stages_for(recipe.method.config())
    own = [stage for stage in stages if name in recipe.training.stages.get(stage, {})]
    if len(own) < len(stages):
        return ""
    return f"{key}: every stage of this recipe has its own; search training.stages.{own[-1]}.{name} instead"


def _changed(recipe: Recipe, values: Mapping[str, Any]) -> Recipe:
    """Return a recipe with values replaced, checked as a whole."""
    flow = {
        key: yaml.safe_dump([value], default_flow_style=True, width=10**9) for key, value in values.items()
    }
    # a list of one in YAML's short form, and its brackets taken off: 1.0e-05 stays a number, unlike 1e-05
    return recipe.override(*(f"{key}={text.strip()[1:-1]}" for key, text in flow.items()))


def _name(value: Any) -> Any:
    """What the study calls a value: it knows no lists and no tables."""
    is_scalar = value is None or isinstance(value, bool | int | float | str)
    return value if is_scalar else json.dumps(value, sort_keys=True)
