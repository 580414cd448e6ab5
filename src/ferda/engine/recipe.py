"""A recipe: everything that decides what a run computes, in one checked object and one YAML file.

`method` names the method and its settings, `data` the domains and how their pictures are shown, `training`
how long and how fast. A key that nobody knows, a word that is no choice and a number that is none are all
reported together, each with the nearest thing that would have been understood. What is *not* here: how many
processes, on which device, into which folder: these change nothing in the numbers.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from ferda.engine.recipe_errors import explain
from ferda.engine.recipe_sections import Checked, DataRecipe, MethodRecipe, StageRecipe, TrainingRecipe
from ferda.errors import UserError, nearest
from ferda.methods import method_class


class Recipe(Checked):
    """Everything that decides what a run computes."""

    method: MethodRecipe
    data: DataRecipe = DataRecipe()
    training: TrainingRecipe = TrainingRecipe()

    def override(self, *assignments: str, **sections: dict[str, Any]) -> Recipe:
        """Return a recipe with some values replaced.

        Args:
            *assignments: `a.b=value`, the value in YAML.
            **sections: Values by section, for instance `data={"size": 48}`.
        """
        raw = self.to_dict()
        for section, values in sections.items():
            raw.setdefault(section, {}).update(values)
        return parse_recipe(raw, assignments)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they stand in YAML."""
        return self.model_dump(mode="json")

    def to_yaml(self) -> str:
        """The recipe as YAML text."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True)


def parse_recipe(raw: Any, assignments: Sequence[str] = (), where: str = "the recipe") -> Recipe:
    """Check a recipe as a whole, the method's own settings and every stage included.

    Args:
        raw: Nested dict, as YAML gives it.
        assignments: `a.b=value` overrides.
        where: How messages call the recipe.

    Raises:
        UserError: Names every mistake at once.
    """
    if not isinstance(raw, dict):
        raise UserError(f"{where} must be a table of method, data and training, got {type(raw).__name__}.")
    raw = _assigned(raw, assignments)
    mistakes: list[str] = []
    recipe: Recipe | None = None
    try:
        recipe = Recipe.model_validate(raw)
    except ValidationError as error:
        mistakes += explain(error, Recipe)
    method = raw.get("method")
    settings = dict(method) if isinstance(method, dict) else {}
    name = settings.pop("name", None)
    if isinstance(name, str):
        try:
            kind = method_class(name)
            wrong = _mistakes_of(kind.Config, settings, "method")
            stages = kind.stages if wrong else kind.stages_for(kind.Config(**settings))
            mistakes += [*wrong, *_stage_mistakes(raw.get("training"), stages)]
        except UserError as error:
            mistakes.append(f"method.name: {error}")
    if mistakes or recipe is None:
        count = "a mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        raise UserError(f"{where} has {count}:\n  " + "\n  ".join(mistakes))
    return recipe


def load_recipe(name_or_path: str | Path, assignments: Sequence[str] = ()) -> Recipe:
    """Read a recipe of the package by name, or a YAML file by path.

    Args:
        name_or_path: For instance `dann`, or `my/recipe.yaml`.
        assignments: `a.b=value` overrides.

    Raises:
        UserError: If there is no such recipe, or it has mistakes.
    """
    return parse_recipe(read_recipe(name_or_path), assignments, where=str(name_or_path))


def read_recipe(name_or_path: str | Path) -> dict[str, Any]:
    """Read the plain values of a recipe, unchecked.

    Args:
        name_or_path: As in `load_recipe`.

    Raises:
        UserError: If there is no such recipe, or it is no YAML.
    """
    text = str(name_or_path)
    if text in list_recipes():
        source = resources.files("ferda.recipes").joinpath(f"{text}.yaml").read_text(encoding="utf-8")
    else:
        path = Path(name_or_path)
        if not path.is_file():
            raise UserError(f"There is no recipe '{text}'{nearest(text, list_recipes())}.")
        source = path.read_text(encoding="utf-8")
    try:
        return yaml.safe_load(source) or {}
    except yaml.YAMLError as error:
        raise UserError(f"{text} is not valid YAML: {' '.join(str(error).split())}") from error


def recipe_for(
    method: str,
    recipe: str | Path | None = None,
    *,
    sources: Sequence[str | Path] = (),
    target: str | Path | None = None,
    start: str | Path | None = None,
    changes: Sequence[str] = (),
) -> Recipe:
    """Return the recipe of a method with domains and changes laid over it.

    Args:
        method: A method's name, or a Python file.
        recipe: Name or path; None takes the package's recipe of the method's name, or bare defaults.
        sources: Labelled domains; none keeps those of the recipe.
        target: Domain to adapt to; None keeps that of the recipe.
        start: Run or weights file to start from; None keeps that of the recipe.
        changes: `a.b=value`.

    Raises:
        UserError: If there is no such recipe, or it has mistakes.
    """
    raw = read_recipe(recipe or method) if recipe is not None or method in list_recipes() else {}
    settings = raw.get("method")
    is_its_own = isinstance(settings, dict) and settings.get("name") == method
    raw["method"] = settings if is_its_own else {"name": method}
    named = [f"data.sources={json.dumps([str(source) for source in sources])}"] if sources else []
    named += [f"data.target={json.dumps(str(target))}"] if target is not None else []
    named += [f"training.start={json.dumps(str(start))}"] if start is not None else []
    return parse_recipe(raw, [*named, *changes], where=f"The recipe of {method}")


def list_recipes() -> list[str]:
    """Names of the recipes in the package, sorted."""
    folder = resources.files("ferda.recipes")
    return sorted(entry.name[: -len(".yaml")] for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _assigned(raw: dict[str, Any], assignments: Sequence[str]) -> dict[str, Any]:
    merged: dict[str, Any] = yaml.safe_load(yaml.safe_dump(raw))
    for assignment in assignments:
        path, sign, text = assignment.partition("=")
        if not sign or not path:
            raise UserError(f"'{assignment}' is not of the form a.b=value, for instance training.epochs=5.")
        *parents, key = path.strip().split(".")
        place = merged
        for parent in parents:
            place = place.setdefault(parent, {})
            if not isinstance(place, dict):
                raise UserError(
                    f"'{path}' does not exist in a recipe: '{parent}' holds a value, not a table."
                )
        try:
            place[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise UserError(
                f"What follows '{path}=' cannot be read as a value: '{text}'; close brackets and quotes, and "
                "put quotes around text with a colon."
            ) from error
    return merged


def _mistakes_of(model: type[BaseModel], values: dict[str, Any], prefix: str) -> list[str]:
    try:
        model.model_validate(values)
    except ValidationError as error:
        return explain(error, model, prefix)
    return []


def _stage_mistakes(training: Any, stages: tuple[str, ...]) -> list[str]:
    given = training.get("stages") if isinstance(training, dict) else None
    mistakes = []
    for stage, values in (given or {}).items():
        if stage not in stages:
            mistakes.append(f"training.stages.{stage}: no such stage, this method has {', '.join(stages)}")
        elif isinstance(values, dict):
            mistakes += _mistakes_of(StageRecipe, values, f"training.stages.{stage}")
    return mistakes
