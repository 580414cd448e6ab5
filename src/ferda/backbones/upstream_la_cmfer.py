"""Names in the checkpoints of LA-CMFER's program, and what we call the same tensors.

Its files also hold what its network never uses: stages three and four of the encoder with the classifier of
ImageNet, and two of four local towers. They stay under their names, so that a report lists them as unused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ferda.backbones.upstream_cbam import cbam_names
from ferda.backbones.weights import renamed, tensors_of
from ferda.errors import UserError

_UNITS = (
    (r"\.conv1\.", ".residual.0."),
    (r"\.bn1\.", ".residual.1."),
    (r"\.conv2\.", ".residual.3."),
    (r"\.bn2\.", ".residual.4."),
    (r"\.cbam\.", ".attention."),
    (r"\.downsample\.", ".shortcut."),
)
_PLACES = (
    (r"^sharedNet\.", "shared."),
    (r"^cls_g\.", "global_head."),
    (r"^cls_l\.", "local_head."),
)


def method_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a file of LA-CMFER's program as the state of our method.

    Args:
        state: The network's state dict, or the training file with `net` and `epoch`.

    Raises:
        UserError: If it is no file of LA-CMFER.
    """
    inner = state.get("net")
    given = renamed(tensors_of(inner if isinstance(inner, Mapping) else state), _PLACES)
    if "global_head.weight" not in given:
        raise UserError("A checkpoint of LA-CMFER has cls_g.weight, this one has not.")
    return cbam_names({_name(name): value for name, value in given.items()})


def _name(name: str) -> str:
    if match := re.match(r"addnetlist_g\.layer(\d+)\.(.*)", name):
        name = f"global_branch.stages.{int(match[1]) - 3}.{match[2]}"
    elif match := re.match(r"addnetlist_l\.layer5_([12])\.(.*)", name):
        name = f"local_branch.towers.{int(match[1]) - 1}.stages.0.{match[2]}"
    else:
        return name
    for pattern, replacement in _UNITS:
        name = re.sub(pattern, replacement, name)
    return name
