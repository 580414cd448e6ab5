"""Which model a user means, where naming one is optional."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ferda.errors import UserError
from ferda.weights import STARTER

_MODELS = (".safetensors", ".onnx")
_OF_RUNS = ("best.safetensors", "recipe.yaml")


def model_and_inputs(words: Sequence[str]) -> tuple[Path, list[str]]:
    """Part `[RUN] INPUTS...`: the first word is the model if it is one, otherwise the package's answers.

    A word that is nothing at all is taken for a misspelt model where more words follow, so that a wrong name
    is never answered by another model.

    Args:
        words: As written on a command line.

    Raises:
        UserError: If there is nothing to look at.
    """
    first, others = words[0], list(words[1:])
    place = Path(first)
    is_run = place.is_dir() and any((place / name).is_file() for name in _OF_RUNS)
    is_model = is_run or place.suffix in _MODELS or first == STARTER
    is_something = place.exists() or any(mark in first for mark in "*?[") or first.startswith("camera:")
    if not is_model and (is_something or not others):
        return Path(STARTER), [first, *others]
    if not others:
        raise UserError(f"{first} is a model; name pictures, videos or folders behind it.")
    return place, others
