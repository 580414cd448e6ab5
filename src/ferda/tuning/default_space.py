"""What is searched if nobody says: the learning rate, and the weights of a method's losses.

Both are taken from the recipe and searched tenfold either way, by orders of magnitude. A weight is a number
of the method's settings whose name ends in `_weight` (OSA calls its two `lam1` and `lam2`). One that is zero
is a loss that the recipe leaves out, and stays so; one that is a share ends at 1.
"""

from __future__ import annotations

import math
import re
from typing import Any

from ferda.engine.recipe import Recipe
from ferda.methods import method_class

_FACTOR = 10
_WEIGHT = re.compile(r".+_weight|lam\d")


def default_space(recipe: Recipe) -> dict[str, Any]:
    """Return the space of a recipe, as one would write it.

    Args:
        recipe: Of the search.
    """
    stages = method_class(recipe.method.name).stages_for(recipe.method.config())
    rates = {
        f"training.stages.{stage}.rate": recipe.training.stage(stage).rate
        for stage in stages
        if "rate" in recipe.training.stages.get(stage, {})
    }
    if len(rates) < len(stages):
        rates = {"training.rate": recipe.training.rate} | rates
    settings = recipe.method.config().model_dump()
    weights = {
        f"method.{name}": float(value)
        for name, value in settings.items()
        if _WEIGHT.fullmatch(name) and isinstance(value, int | float) and value > 0
    }
    most = {f"method.{name}": limit for name in settings if (limit := _limit(recipe, name)) is not None}
    return {
        key: {
            "low": _short(value / _FACTOR),
            "high": min(_short(value * _FACTOR), most.get(key, math.inf)),
            "log": True,
        }
        for key, value in (rates | weights).items()
    }


def _limit(recipe: Recipe, name: str) -> float | None:
    """The largest value that a setting of the method may have, if its owner said one."""
    rules = type(recipe.method.config()).model_fields[name].metadata
    return next((float(rule.le) for rule in rules if hasattr(rule, "le")), None)


def _short(value: float) -> float:
    return float(f"{value:.4g}")
