"""Adaptation of a trained model while it answers. The folder is the registry: one file, one adaptation."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from ferda.errors import UserError, nearest

if TYPE_CHECKING:
    from ferda.test_time.base import Adaptation

#: Files of this folder that adaptations are built on, and that are none themselves.
_SHARED = ("base", "calibrating", "entropy_step", "label_shift")


def list_adaptations() -> list[str]:
    """Names of all adaptations, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in _SHARED)


def adaptation_class(name: str) -> type[Adaptation]:
    """Return the adaptation of a name.

    Args:
        name: One of `list_adaptations()`.

    Raises:
        UserError: If there is none of that name.
    """
    # here, so that listing the names does not cost an import of torch
    from ferda.test_time.base import Adaptation

    known = list_adaptations()
    if name not in known:
        raise UserError(f"There is no adaptation '{name}'{nearest(name, known)}. Known: {', '.join(known)}.")
    module = importlib.import_module(f"{__name__}.{name}")
    (own,) = (
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, Adaptation) and member.__module__ == module.__name__
    )
    return own
