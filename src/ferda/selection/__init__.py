"""Validators: how good a checkpoint is, judged without target labels. The folder is the registry.

There are two kinds, and to add one, add a file:

- with `score(outputs: EpochOutputs) -> float`, higher is better, which judges a checkpoint by itself;
- with `remember(outputs: EpochOutputs) -> NDArray`, what is kept of each checkpoint, and
  `compare(remembered: Sequence[NDArray]) -> list[float]`, a score for each of them. Every further checkpoint
  may change the scores of all.

`NEEDS` in a file names what of a run it needs, as in `NEEDED`; without it, that is a target.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ferda.errors import UserError, nearest

if TYPE_CHECKING:
    from ferda.selection.outputs import EpochOutputs

#: What a validator may need of a run, in words for its user.
NEEDED = {
    "sources": "held-out faces of a source",
    "affect": "valence and arousal of held-out faces",
    "target": "a target (--target)",
    "mixed": "pictures mixed for it (training.select=mixval)",
}
_NOT_VALIDATORS = {"choose", "collapse", "outputs"}


class Comparison(Protocol):
    """A validator that sees all checkpoints."""

    def remember(self, outputs: EpochOutputs) -> NDArray[np.floating]:
        """Return what is kept of a checkpoint."""

    def compare(self, remembered: Sequence[NDArray[np.floating]]) -> list[float]:
        """Return a score for each checkpoint, higher is better."""


def list_validators() -> list[str]:
    """Names of all validators of both kinds, sorted."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in _NOT_VALIDATORS)


def list_comparisons() -> list[str]:
    """Names of the validators that compare all checkpoints, sorted."""
    return [name for name in list_validators() if hasattr(_module(name), "compare")]


def validator(name: str) -> Callable[[EpochOutputs], float]:
    """Return the scoring function of a validator that judges a checkpoint by itself.

    Args:
        name: One of `list_validators()` that is not in `list_comparisons()`.

    Raises:
        UserError: If there is no such validator; the message offers the nearest one.
    """
    function: Callable[[EpochOutputs], float] = _module(name).score
    return function


def comparison(name: str) -> Comparison:
    """Return a validator that compares all checkpoints.

    Args:
        name: One of `list_comparisons()`.

    Raises:
        UserError: If there is no such validator; the message offers the nearest one.
    """
    return cast(Comparison, _module(name))


def lacking(name: str, has: Collection[str]) -> str:
    """Say what a validator needs and a run does not have; nothing if it has all.

    Args:
        name: One of `list_validators()`.
        has: Keys of `NEEDED`.

    Raises:
        UserError: If there is no such validator; the message offers the nearest one.
    """
    needs = getattr(_module(name), "NEEDS", ("target",))
    return " and ".join(NEEDED[one] for one in needs if one not in has)


def _module(name: str) -> ModuleType:
    known = list_validators()
    if name not in known:
        raise UserError(f"There is no validator '{name}'{nearest(name, known)}. Known: {', '.join(known)}.")
    return importlib.import_module(f"{__name__}.{name}")
