"""Which score a search goes by, and when that score is not to be trusted."""

from __future__ import annotations

from typing import Any

from ferda.engine.recipe import Recipe
from ferda.errors import UserError, nearest
from ferda.selection import list_comparisons, list_validators

#: Scores that ask for sure and evenly spread answers to target faces.
_SURE = ("im", "bnm", "entropy")
#: Methods whose losses ask for the same, and by which of their settings; None if they always do.
_TRAINED: dict[str, str | None] = {
    "aad": None,
    "bnm": "norm_weight",
    "cdan": "confusion_weight",
    "cglrl": "entropy_share",
    "dann": "confusion_weight",
    "mcc": "confusion_weight",
    "mic": "confusion_weight",
    "osa": None,
    "shot": None,
}


def list_scores() -> list[str]:
    """Names of the validators that judge one model by itself, so that trials can be ranked by them."""
    return [name for name in list_validators() if name not in list_comparisons()]


def check_score(name: str) -> None:
    """Raise unless trials can be ranked by a score.

    Args:
        name: What the user asks for.

    Raises:
        UserError: Says why not, and what can.
    """
    known = list_scores()
    if name in known:
        return
    can = f"choose one of {', '.join(known)}"
    if name == "oracle":
        raise UserError(f"The oracle needs the target's labels, which a search never reads; {can}.")
    if name in list_comparisons():
        raise UserError(f"'{name}' compares the epochs of one run and says nothing between runs; {can}.")
    raise UserError(f"A search cannot go by '{name}'{nearest(name, known)}; {can}.")


def trained_on(recipe: Recipe, score: str) -> str:
    """Say so if a method's losses ask for what the score measures; nothing otherwise.

    Args:
        recipe: Of the search.
        score: What trials are ranked by.
    """
    name = recipe.method.name
    if score not in _SURE or name not in _TRAINED:
        return ""
    setting = _TRAINED[name]
    weight: Any = 1 if setting is None else getattr(recipe.method.config(), setting)
    if not weight:
        return ""
    return (
        f"'{score}' asks for sure and even answers, and so do the losses of '{name}': a trial can score well "
        "by being sure and wrong. Look at 'agreement', too, and test best.yaml on faces with labels."
    )
