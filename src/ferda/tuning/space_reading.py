"""Reads a space and checks it against the recipe that it will be laid over.

A space is a table: the key of a setting, as `--set` writes it, and either a list of values or a range. Every
value that is named, and both ends of every range, must make a recipe that could be trained. All mistakes are
told together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from ferda.engine.recipe import Recipe
from ferda.engine.recipe_errors import explain
from ferda.engine.recipe_sections import StageRecipe
from ferda.errors import UserError
from ferda.methods import method_class
from ferda.tuning.space import Range, Setting, Space, changed, scalar

_SCORED = "decides what a score is, so trials could not be compared; give it with --set for all of them"
_MADE = "decides which method or which faces; that is another search"
#: What no search may change, and why.
FIXED = {
    **dict.fromkeys(("training.select", "training.guard", "training.score_rows", "data.holdout"), _SCORED),
    **dict.fromkeys(("method.name", "data.sources", "data.target", "data.watch", "data.classes"), _MADE),
    "method.backbone_options.download": "is no setting; a search fetches nothing from the internet",
    "training.seed": "is chance, not a setting; --seeds takes several for every trial",
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


def _setting(key: str, given: Any, recipe: Recipe, mistakes: list[str]) -> Setting | None:
    """Return a checked setting; what is wrong goes to `mistakes`."""
    before = len(mistakes)
    found: Setting | None = None
    probes: Sequence[Any] = ()
    if key in FIXED:
        mistakes.append(f"{key}: {FIXED[key]}")
    elif isinstance(given, list):
        found, probes = Setting(key, {scalar(value): value for value in given}), given
        if len(found.values) < 2:
            mistakes.append(f"{key}: needs at least two different values, got {given}")
    elif isinstance(given, dict):
        try:
            found = _range(key, Range.model_validate(given), recipe)
        except ValidationError as error:
            mistakes += explain(error, Range, key)
        else:
            probes = found.ends
    else:
        mistakes.append(f"{key}: needs a list of values, or low and high, got {given!r}")
    mistakes += dict.fromkeys(said for probe in probes for said in _refusals(recipe, key, probe))
    if len(mistakes) == before and (idle := _without_effect(recipe, key)):
        mistakes.append(idle)
    return found


def _range(key: str, limits: Range, recipe: Recipe) -> Setting:
    """A range holds whole numbers if its own are whole, and the recipe takes no half."""
    numbers = [limits.low, limits.high] + ([] if limits.step is None else [limits.step])
    can_be_whole = all(number.is_integer() for number in numbers)
    return Setting(key, {}, limits, can_be_whole and bool(_refusals(recipe, key, limits.low + 0.5)))


def _refusals(recipe: Recipe, key: str, value: Any) -> list[str]:
    """What the recipe says against a value."""
    try:
        changed(recipe, {key: value})
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
