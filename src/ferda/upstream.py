"""Bring a model that another program trained into ferda."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ferda.backbones.weights import read_state
from ferda.errors import UserError
from ferda.methods import list_methods, method_class, wrong_settings
from ferda.methods.base import Method


def load_upstream(name: str, weights: str | Path | Mapping[str, Any], **options: Any) -> Method:
    """Return a method with the weights of the authors' own program, in evaluation mode.

    Args:
        name: Method name, for instance `aglrls`.
        weights: A file of the authors' program, or a folder of them, or what they hold: a state dict or a
            training checkpoint. No code of a file is run.
        **options: Settings of the method that its weights do not tell.

    Raises:
        UserError: If the method knows no weights of its authors, these are not theirs, or an option is wrong.
    """
    method = method_class(name)
    convert = getattr(method, "from_upstream", None)
    if convert is None:
        able = [other for other in list_methods() if hasattr(method_class(other), "from_upstream")]
        raise UserError(f"There is no upstream format of '{name}'; known are {', '.join(able)}.")
    state = weights if isinstance(weights, Mapping) else read_state(weights)
    try:
        loaded: Method = convert(state, **options)
    except ValidationError as error:
        raise wrong_settings(name, error) from error
    return loaded.eval()
