"""Starts a method from the weights of another run: an adaptation judged from a strong source model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from safetensors.torch import load_file

from ferda.engine.checkpoint import find_weights, read_metadata
from ferda.errors import UserError
from ferda.methods.base import Method


def start_from(method: Method, path: str, classes: Sequence[str]) -> str:
    """Take over every tensor of a run whose name and shape the method has; say how many.

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
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    # biases of another network fit by accident, so numbers are counted, not tensors
    taken, there = (sum(value.numel() for value in tensors.values()) for tensors in (fitting, found))
    if taken < there / 2:
        raise UserError(
            f"Only {taken / there:.0%} of the numbers in {file} fit this method; "
            "start from a run with the same network."
        )
    with torch.no_grad():
        method.load_state_dict({**own, **fitting})
    left = len(found) - len(fitting)
    return f"started from {file}: {len(fitting)} of {len(own)} tensors taken, {left} of the file not used"
