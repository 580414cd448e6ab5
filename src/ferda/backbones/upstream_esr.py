"""Names in the checkpoints of ESR and its diversified sister, and what we call the same tensors.

Both keep an ensemble as a folder: one file for the base, one for every branch. All branch files hold the same
names, so a tensor is known by its file and its name together. A layer for valence and arousal is there only
after it was trained.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ferda.backbones.upstream_cbam import cbam_names
from ferda.backbones.weights import renamed, tensors_of
from ferda.errors import UserError

#: Who votes, which no file of theirs tells.
VOTES = "network.votes"
_BASE = "Net-Base-Shared_Representations"
_BRANCH = re.compile(r"Net-Branch_(\d+)")
_AFFECT = "fc_dimensional."
_PARTS = {"conv": "conv", "bn": "norm", "cbam": "attention"}


def ensemble_state(files: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the files of an ensemble as the state of a `SharedEnsemble`, but for who votes.

    Args:
        files: File name without its ending -> what the file holds. Other files of the folder do not matter.

    Returns:
        Names such as `base.0.conv.weight` and `branches.8.head.bias`. Layers for valence and arousal are
        there if every branch has one.

    Raises:
        UserError: If the base or a branch is missing.
    """
    numbers = sorted(int(match[1]) for stem in files if (match := _BRANCH.fullmatch(stem)))
    if _BASE not in files or not numbers or numbers != [*range(1, len(numbers) + 1)]:
        raise UserError(
            f"A checkpoint of ESR is a folder with {_BASE}.pt, Net-Branch_1.pt and on without a gap; this "
            f"one has {', '.join(sorted(files)[:12]) or 'nothing'}."
        )
    branches = [_own(files[f"Net-Branch_{number}"]) for number in numbers]
    knows_affect = all("affect.weight" in branch for branch in branches)
    state = {f"base.{name}": value for name, value in _own(files[_BASE], "").items()}
    for at, branch in enumerate(branches):
        state |= {
            f"branches.{at}.{name}": value
            for name, value in branch.items()
            if knows_affect or not name.startswith("affect.")
        }
    return state


def start_state(state: Mapping[str, Any], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what a network may start from: all but who votes, and heads for other classes.

    Args:
        state: A folder of the authors' files, as `ensemble_state` takes it, or a state dict of our method.
        own: State dict of the network.

    Returns:
        Names as in `own`.
    """
    given = method_state(state) if any(isinstance(part, Mapping) for part in state.values()) else state
    heads = [name for name in given if re.search(r"branches\.\d+\.(head|affect)\.", name)]
    left_out = [name for name in heads if name in own and own[name].shape != given[name].shape]
    if left_out:
        logging.getLogger("ferda").info("heads for other classes start afresh: %s", ", ".join(left_out))
    return {name: value for name, value in given.items() if name not in {*left_out, VOTES}}


def method_state(files: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the files of an ensemble under the names of our method.

    Args:
        files: As `ensemble_state` takes them.
    """
    return {f"network.{name}": value for name, value in ensemble_state(files).items()}


def _own(file: Mapping[str, Any], blocks: str = "blocks.") -> dict[str, Tensor]:
    """One file's tensors; `blocks` is what stands before the number of a convolution."""
    given = cbam_names(renamed(tensors_of(file), ()))
    return {_own_name(name, blocks): value for name, value in given.items()}


def _own_name(name: str, blocks: str) -> str:
    if match := re.match(r"(conv|bn|cbam)(\d)\.(.*)", name):
        return f"{blocks}{int(match[2]) - 1}.{_PARTS[match[1]]}.{match[3]}"
    return re.sub(r"^fc\.", "head.", name.replace(_AFFECT, "affect."))
