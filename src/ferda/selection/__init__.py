"""Validators: how good a checkpoint is, judged without target labels. The folder is the registry.

To add one, add a file with a function `score(outputs: EpochOutputs) -> float`, higher is better.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ferda.errors import UserError, nearest

if TYPE_CHECKING:
    from ferda.selection.outputs import EpochOutputs

_NOT_VALIDATORS = {"choose", "collapse", "outputs"}


def list_validators() -> list[str]:
    """Names of all validators, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in _NOT_VALIDATORS)


def validator(name: str) -> Callable[[EpochOutputs], float]:
    """Return the scoring function of a name.

    Args:
        name: One of `list_validators()`.

    Raises:
        UserError: If there is no such validator; the message offers the nearest one.
    """
    known = list_validators()
    if name not in known:
        raise UserError(f"There is no validator '{name}'{nearest(name, known)}. Known: {', '.join(known)}.")
    function: Callable[[EpochOutputs], float] = importlib.import_module(f"{__name__}.{name}").score
    return function
