"""Names in the checkpoints of DDAMFN and OSA, and what we call the same tensors.

Their files hold more than the networks use: a batch norm and a PReLU beside every mixed convolution, a
pooling in every head, a batch norm over the classes. Such entries keep their names, so that a report lists
them as unused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ferda.backbones.weights import renamed, tensors_of
from ferda.errors import UserError

#: Children of the face recogniser in the order in which DDAMNet counts them (`features.0` to `features.8`).
_CHILDREN = ("conv1", "conv2_dw", "conv_23", "conv_3", "conv_34", "conv_4", "conv_45", "conv_5", "conv_6_sep")
_PLACES = (
    (r"^conv1\.", "stem.0."),
    (r"^conv2_dw\.", "stem.1."),
    (r"^conv_23\.", "stages.0.0."),
    (r"^conv_34\.", "stages.1.0."),
    (r"^conv_45\.", "stages.2.0."),
    (r"^conv_6_sep\.", "top."),
    (r"^conv_6_dw\.conv\.", "embedding.0.weights."),
    (r"^conv_6_dw\.bn\.", "embedding.0.norm."),
    (r"^linear\.", "embedding.1."),
    (r"^bn\.", "embedding.2."),
)
_RESIDUAL_STAGES = {"conv_3": 0, "conv_4": 1, "conv_5": 2}
_UNIT = (
    (r"\.conv_dw\.mixed_depthwise_conv\.", ".depthwise.parts."),
    (r"\.CA\.", ".attention.gate."),
    (r"(stages\.\d\.\d+)\.conv\.", r"\1.expand."),
)
_GATE = (
    (r"\.conv1\.", ".squeeze.0."),
    (r"\.bn1\.", ".squeeze.1."),
    (r"\.conv2\.", ".rows."),
    (r"\.conv3\.", ".columns."),
)
_LAYERS = ((r"\.conv\.", ".0."), (r"\.bn\.", ".1."), (r"\.prelu\.", ".2."))
_HEAD = (
    (r"^cat_head(\d+)\.CoordAtt\.Linear_h\.", r"heads.\1.rows."),
    (r"^cat_head(\d+)\.CoordAtt\.Linear_w\.", r"heads.\1.columns."),
    (r"^cat_head(\d+)\.CoordAtt\.(?!Linear\.)", r"heads.\1.gate."),
    (r"^Linear\.conv\.", "pooling.weights."),
    (r"^Linear\.bn\.", "pooling.norm."),
    (r"^fc\.", "head."),
)
_DYNAMIC = (
    (r"^dsa\.fusion$", "attention.fusion"),
    (r"^dsa\.dir_generator\.", "attention.aim."),
    (r"^dsa\.conv\.0\.", "attention.squeeze."),
    (r"^dsa\.conv\.1\.", "attention.norm."),
    (r"^(joint|marginal)_net\.", r"critic.\1."),
)


def backbone_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a face recogniser or of DDAMNet's `features` into those of MixedFeatureNet.

    Args:
        state: Keys as upstream's or ours; what belongs to neither keeps its name.
    """
    own = [name for name in state if name.startswith("features.")]
    return {_backbone_name(name): state[name] for name in own or state}


def method_names(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Rename a whole network of DDAMFN or OSA into that of our method.

    Args:
        state: The network's state dict, or a training file around it.

    Raises:
        UserError: If it is of another program.
    """
    given = renamed(tensors_of(state), ())
    if "fc.weight" not in given or not any(name.startswith("features.") for name in given):
        raise UserError("A checkpoint of DDAMFN or OSA has fc.weight and features.0, this one has not.")
    result = {}
    for name, value in given.items():
        if name.startswith("features."):
            result[f"trunk.backbone.{_backbone_name(name)}"] = value
        elif not name.startswith("dsa.att_convs."):
            new = _rewritten(name, (*_HEAD, *_DYNAMIC))
            if new.startswith("heads."):
                new = _rewritten(new, _GATE if ".gate." in new else _LAYERS)
            result[new] = value
    return result | _directions(given)


def _directions(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The last convolutions of OSA's directions as one convolution in groups."""
    count = sum(bool(re.fullmatch(r"dsa\.att_convs\.\d+\.bias", name)) for name in state)
    if not count:
        return {}
    return {
        f"attention.expand.{kind}": torch.cat([state[f"dsa.att_convs.{d}.{kind}"] for d in range(count)])
        for kind in ("weight", "bias")
    }


def _backbone_name(name: str) -> str:
    if match := re.match(r"features\.(\d)\.(.*)", name):
        name = f"{_CHILDREN[int(match[1])]}.{match[2]}"
    if match := re.match(r"(conv_[345])\.model\.(\d+)\.(.*)", name):
        name = f"stages.{_RESIDUAL_STAGES[match[1]]}.{int(match[2]) + 1}.{match[3]}"
    name = _rewritten(_rewritten(name, _PLACES), _UNIT)
    if ".gate." in name:
        return _rewritten(name, _GATE)
    return name if ".conv_dw." in name else _rewritten(name, _LAYERS)


def _rewritten(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name
