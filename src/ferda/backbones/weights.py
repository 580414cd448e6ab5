"""Load weights of others: from `.pt`/`.pth` without running their code, or from `.safetensors`.

A checkpoint of another program rarely has our names. `load_weights` takes away a prefix, renames by regular
expressions, loads what fits, and *says* what it used, what it left over, what is missing and what has the
wrong shape. Nothing is skipped silently; whoever wants to show it listens with `reports_to`.
"""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferda.backbones.pickled import read_pickled
from ferda.errors import UserError

#: Endings of files that hold weights; a folder may have others beside them.
_ENDINGS = (".pt", ".pth", ".pkl", ".bin", ".tar", ".safetensors")


@dataclass(frozen=True)
class WeightsReport:
    """What became of every name.

    Attributes:
        source: Where the weights came from.
        used: Names of the network that were loaded.
        unused: Names of the file that the network does not have.
        missing: Names of the network that the file does not have.
        wrong_shape: Names with both shapes, for instance `"fc.weight (8, 64) instead of (7, 64)"`.
    """

    source: str
    used: tuple[str, ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]
    wrong_shape: tuple[str, ...]

    def __str__(self) -> str:
        parts = [f"{len(self.used)} used"]
        for word, names in (
            ("unused", self.unused),
            ("missing", self.missing),
            ("wrong shape", self.wrong_shape),
        ):
            if names:
                parts.append(f"{len(names)} {word} ({_shortened(names)})")
        return "; ".join(parts)


def _shortened(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


_LISTENER: ContextVar[Callable[[WeightsReport], None] | None] = ContextVar("listener", default=None)


@contextmanager
def reports_to(listener: Callable[[WeightsReport], None]) -> Iterator[None]:
    """Tell someone of all weights that are loaded within the block.

    Args:
        listener: Is given each report.
    """
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def read_state(path: str | Path) -> dict[str, Any]:
    """Return what a weight file holds: usually a state dict, sometimes a dict around one.

    A file with more than tensors in it (a whole module, a trainer's notes) is read as well, but nothing of it
    is run: `ferda.backbones.pickled` says what becomes of its objects, and a warning which they are.

    Args:
        path: A `.safetensors` file, or one that `torch.save` wrote; or a folder of these, which gives a dict
            of file stem -> state.

    Raises:
        UserError: If the file is missing, or is no weight file.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in _ENDINGS)
        if not files:
            raise UserError(f"The folder {path} has no weight file ({', '.join(_ENDINGS)}).")
        return {file.stem: read_state(file) for file in files}
    if not path.is_file():
        raise UserError(f"There is no weight file {path}.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        pickled = read_pickled(path)
        state = pickled.content
        logging.getLogger("ferda").warning(
            "%s names what is no tensor, and was not run: %s", path, _shortened(pickled.not_run)
        )
    except Exception as error:  # every reader has its own exceptions for a file that is not its own
        raise UserError(f"{path} is no readable weight file: {error}") from error
    if not isinstance(state, dict):
        raise UserError(
            f"{path} holds a {type(state).__name__}, not a state dict; save state_dict() instead."
        )
    return state


def tensors_of(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the flat name -> tensor part of a checkpoint, or of its `state_dict`, `model` or `net`.

    Args:
        state: A state dict, or a training file around one.

    Raises:
        UserError: If no tensors are found.
    """
    for inner in ("state_dict", "model", "model_state_dict", "net"):
        if isinstance(state.get(inner), Mapping):
            state = state[inner]
            break
    found = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not found:
        raise UserError(
            f"The checkpoint has no tensors at its top; its keys are {', '.join(list(state)[:8])}."
        )
    return found


def renamed(
    state: Mapping[str, Tensor], rename: Sequence[tuple[str, str]], prefix: str = ""
) -> dict[str, Tensor]:
    """Return the state under new names.

    Args:
        state: Name -> tensor.
        rename: Pairs (regular expression, replacement) applied in order to every name; a name that becomes
            empty is dropped.
        prefix: Taken away from names that have it; `module.` of data-parallel training always is.
    """
    result = {}
    for old, value in state.items():
        new = old.removeprefix("module.").removeprefix(prefix)
        for pattern, replacement in rename:
            new = re.sub(pattern, replacement, new)
        if new:
            result[new] = value
    return result


def load_weights(
    network: nn.Module,
    weights: str | Path | Mapping[str, Any],
    *,
    rename: Sequence[tuple[str, str]] = (),
    prefix: str = "",
    partial: bool = False,
    source: str = "",
) -> WeightsReport:
    """Load what fits into a network and report every name.

    Args:
        network: Receives the weights in place.
        weights: A file, or a state dict.
        rename: See `renamed`.
        prefix: See `renamed`.
        partial: Allow names of the network that get nothing (a fresh head, say). Otherwise they are an error.
        source: How messages call the weights, if not by their path.

    Returns:
        The names by what became of them.

    Raises:
        UserError: If nothing fits, a shape differs, or, unless `partial`, a name is missing.
    """
    state = weights if isinstance(weights, Mapping) else read_state(weights)
    source = source or ("the state dict" if isinstance(weights, Mapping) else str(weights))
    given = renamed(tensors_of(state), rename, prefix)
    wanted = network.state_dict()
    fits = {
        name: value for name, value in given.items() if name in wanted and value.shape == wanted[name].shape
    }
    report = WeightsReport(
        source=source,
        used=tuple(fits),
        unused=tuple(name for name in given if name not in wanted),
        # files of torch before 0.4.1 do not count batches, and nothing of ours reads the count
        missing=tuple(
            name for name in wanted if name not in given and not name.endswith("num_batches_tracked")
        ),
        wrong_shape=tuple(
            f"{name} {tuple(given[name].shape)} instead of {tuple(wanted[name].shape)}"
            for name in wanted
            if name in given and name not in fits
        ),
    )
    if not report.used or report.wrong_shape or (report.missing and not partial):
        raise UserError(f"The weights of {source} do not fit {type(network).__name__}: {report}.")
    network.load_state_dict(fits, strict=False)
    if (listener := _LISTENER.get()) is not None:
        listener(report)
    return report
