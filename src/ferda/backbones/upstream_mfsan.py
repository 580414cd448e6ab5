"""Names in the state dicts of MFSAN's program, and what we call the same tensors.

Its encoder also holds the classifier of ImageNet, which nothing uses; it stays, so that a report lists it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ferda.backbones.weights import renamed, tensors_of
from ferda.errors import UserError

#: Position of each layer within a branch.
_LAYERS = {"conv1": 0, "bn1": 1, "conv2": 3, "bn2": 4, "conv3": 6, "bn3": 7}


def method_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a state dict of MFSAN's program as the state of our method; it counts sources from 1, we from 0.

    Args:
        state: Of either of its networks, for two or for three sources; any number works.

    Raises:
        UserError: If it is no state of MFSAN.
    """
    given = renamed(tensors_of(state), ((r"^sharedNet\.", "backbone."),))
    if "cls_fc_son1.weight" not in given:
        raise UserError("A checkpoint of MFSAN has cls_fc_son1.weight, this one has not.")
    return {_name(name): value for name, value in given.items()}


def _name(name: str) -> str:
    if match := re.match(r"sonnet(\d+)\.(\w+)\.(.*)", name):
        return f"branches.{int(match[1]) - 1}.{_LAYERS[match[2]]}.{match[3]}"
    if match := re.match(r"cls_fc_son(\d+)\.(.*)", name):
        return f"heads.{int(match[1]) - 1}.{match[2]}"
    return name
