"""Names in the checkpoints of MA-Net and its diversified sister, and what we call the same tensors.

Their face recogniser and their expression networks differ in the two classifiers only. Both orders of the
multi-scale units' second path have the same names and shapes, so a file cannot tell which one it is of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ferda.backbones.manet_units import SCALES
from ferda.backbones.upstream_cbam import cbam_names
from ferda.backbones.weights import renamed, tensors_of

_NAMES = (
    (r"^fc_1\.", "local_head."),
    (r"^fc_2\.", "multi_scale_head."),
    (r"^conv1\.", "stem.0."),
    (r"^bn1\.", "stem.1."),
    (r"^layer1\.", "shared.0."),
    (r"^layer2\.", "shared.1."),
    (r"^layer3_2\.", "multi_scale.0."),
    (r"^layer4_2\.", "multi_scale.1."),
    *(
        (rf"^layer{stage + 3}_1_p{quarter + 1}\.", f"towers.{quarter}.stages.{stage}.")
        for quarter in range(4)
        for stage in range(2)
    ),
    *(
        (rf"\b{theirs}{path + 1}_2_{group + 1}\.", f"paths.{path}.{group}.{ours}.")
        for path in range(2)
        for group in range(SCALES)
        for ours, theirs in enumerate(("conv", "bn"))
    ),
    (r"\bdownsample\.", "shortcut."),
    (r"\bcbam\.", "attention."),
)


def network_names(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a file's tensors under the names of `MANetwork`.

    Args:
        state: A state dict, or a training file around one (`state_dict`, `recorder` and more).

    Returns:
        The network's tensors; the classifiers', which it does not have, as `local_head.*` and
        `multi_scale_head.*`.
    """
    return cbam_names(renamed(tensors_of(state), _NAMES))


def method_names(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a file's tensors under the names of the method: network and classifiers.

    Args:
        state: As `network_names` takes it.
    """
    return {
        name if name.split(".")[0].endswith("_head") else f"network.{name}": value
        for name, value in network_names(state).items()
    }
