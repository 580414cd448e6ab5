"""Starts a method from the weights of another run: an adaptation judged from a strong source model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from safetensors.torch import load_file
from torch import Tensor

from ferda.engine.checkpoint import find_weights, read_metadata
from ferda.errors import UserError
from ferda.methods.base import Method

_BACKBONE = "backbone."


def start_from(method: Method, path: str, classes: Sequence[str]) -> str:
    """Take over every tensor of a run whose name and shape the method has; say how many.

    Another kind of method has other names, but the same within a backbone of the same family: if little fits,
    the backbones are compared alone.

    Args:
        method: Gets the weights.
        path: A run folder or a `.safetensors` file.
        classes: The method's class list, which must be the run's.

    Returns:
        A sentence for the user.

    Raises:
        UserError: If the class lists differ, or less than half of the file fits.
    """
    file = find_weights(path)
    theirs = tuple(read_metadata(file)["classes"])
    if theirs != tuple(classes):
        raise UserError(
            f"{file} knows the classes {', '.join(theirs)}, the recipe asks for {', '.join(classes)}: "
            "start from a run with the same list in the same order."
        )
    own = method.state_dict()
    found = load_file(str(file))
    fitting = _fitting(found, own)
    if _numbers(fitting) < _numbers(found) / 2:
        places = {_within_backbone(name): name for name in own if _BACKBONE in name}
        renamed = {places.get(_within_backbone(name), name): value for name, value in found.items()}
        fitting = _fitting(renamed, own)
    if (share := _numbers(fitting) / _numbers(found)) < 0.5:
        raise UserError(
            f"Only {share:.0%} of the numbers in {file} fit this method; "
            "start from a run with the same network."
        )
    with torch.no_grad():
        method.load_state_dict({**own, **fitting})
    left = len(found) - len(fitting)
    return f"started from {file}: {len(fitting)} of {len(own)} tensors taken, {left} of the file not used"


def _fitting(found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}


def _numbers(tensors: Mapping[str, Tensor]) -> int:
    """Count numbers, not tensors: biases of another network fit by accident."""
    return sum(value.numel() for value in tensors.values())


def _within_backbone(name: str) -> str:
    return name[name.index(_BACKBONE) :] if _BACKBONE in name else name
