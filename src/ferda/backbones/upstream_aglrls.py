"""Names in the checkpoints of AGLRLS, AGRA and the CD-FER benchmark, and what we call the same tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from ferda.backbones.weights import renamed, tensors_of
from ferda.errors import UserError

_STAGES = (
    (r"^input_layer\.", "stem."),
    (r"\bres_layer\.", "residual."),
    (r"\bshortcut_layer\.", "shortcut."),
    (r"\.conv\.", ".layers."),
)
_AGRA = (
    (r"^fc\.", "head."),
    (r"^loc_fc\.", "local_head."),
    (r"^GCN\.IntraAdjMatrix$", "graph.within"),
    (r"^GCN\.InterAdjMatrix$", "graph.across"),
    (r"^GCN\.IntraGCN_1\.FC\.", "graph.first."),
    (r"^GCN\.IntraGCN_2\.FC\.", "graph.second."),
    (r"^GCN\.InterGCN\.FC\.", "graph.between."),
    (r"^SourceBN\.", "source_norm."),
    (r"^TargetBN\.", "target_norm."),
)
_HEADS = {"0": "global_head", "1": "local_heads.0", "2": "fused_head"}


def stage_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename stem, stages and units; other names stay.

    Args:
        state: Keys such as `input_layer.0.weight` or `layer3.1.res_layer.0.bias`.
    """
    return {_stage_name(name): value for name, value in state.items()}


def counted_through(state: dict[str, Tensor], units: Sequence[int]) -> dict[str, Tensor]:
    """Rename `body.<n>.` of face recognisers, whose units are counted through all stages.

    Args:
        state: The recogniser's state dict; what is not of its `body` keeps its name.
        units: Units of each stage.
    """
    if not any(name.startswith("body.") for name in state):
        return state
    ends = list(accumulate(units))
    result = {}
    for name, value in state.items():
        if match := re.match(r"body\.(\d+)\.(.*)", name):
            unit = int(match[1])
            stage = next((at for at, end in enumerate(ends) if unit < end), None)
            if stage is None:
                raise UserError(f"The weights have more than the network's {ends[-1]} units: {name}.")
            first = ends[stage] - units[stage]
            result[f"layer{stage + 1}.{unit - first}.{match[2]}"] = value
        else:
            result[name] = value
    return result


def backbone_name(state: dict[str, Tensor]) -> str:
    """Return the name of the backbone that a state dict of the three systems is of.

    Args:
        state: Keys as upstream's.

    Raises:
        UserError: If it is none of the three.
    """
    if any(re.match(r"layer\d\.\d+\.conv\.", name) for name in state):
        return "mobilenet_aglrls"
    units = {int(match[1]) for name in state if (match := re.match(r"layer3\.(\d+)\.res_layer", name))}
    names = {14: "ir50", 2: "ir18"}
    if len(units) not in names:
        raise UserError("The checkpoint is of none of the networks ir50, ir18 and mobilenet_aglrls.")
    return names[len(units)]


def global_local_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a whole global-local network into `features.*` (GlobalLocalFeatures) and `heads.*` (PartHeads).

    Args:
        state: Keys as upstream's, without `module.`. Keys that belong to neither keep their names.

    Raises:
        UserError: If copies of a trunk that is shared by the landmarks differ.
    """
    shared = backbone_name(state) == "mobilenet_aglrls"
    output = max(
        (int(match[1]) for name in state if (match := re.match(r"Crop_Net\.0\.(\d+)\.", name))), default=0
    )
    result: dict[str, Tensor] = {}
    for name, value in state.items():
        if match := re.match(r"Crop_Net\.(\d+)\.(\d+)\.(.*)", name):
            point, layer, rest = match.groups()
            if int(layer) == output:
                result[f"features.local_outputs.{point}.0.{rest}"] = value
                continue
            first = state[f"Crop_Net.0.{layer}.{rest}"]
            if shared and not torch.equal(value, first):
                raise UserError(f"{name} differs from the first landmark's, but they share one trunk.")
            trunk = "0" if shared else point
            result[_stage_name(f"features.local_trunks.{trunk}.{layer}.{rest}")] = value
        elif name.startswith(("input_layer.", "layer")):
            result[f"features.backbone.{_stage_name(name)}"] = value
        elif match := re.match(r"classifiers\.(\d)\.(.*)", name):
            result[f"heads.{_HEADS[match[1]]}.{match[2]}"] = value
        else:
            result[re.sub(r"^output_layer\.", "features.global_output.", name)] = value
    return result


def method_state(state: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return a file of AGLRLS's program as the state of our method: network, critics, learning status.

    Args:
        state: The network's state dict, or a training file with `model`, `classwise` and `ad_nets`.
    """
    result = global_local_names(renamed(tensors_of(state), ()))
    for position, critic in enumerate(state.get("ad_nets") or ()):
        result |= {f"critics.{position}.{name}": value for name, value in critic_names(critic).items()}
    if state.get("classwise") is not None:
        rows = [torch.as_tensor(row, dtype=torch.float32) for row in state["classwise"]]
        result["status.status"] = torch.stack(rows)
    return result


def agra_state(state: Mapping[str, Any], classes: int) -> dict[str, Tensor]:
    """Return a file of AGRA's program as the state of our method: network, graph, centres of both domains.

    Args:
        state: The network's state dict, or a training file around it.
        classes: Number of classes; a program that kept one mean a domain has it in place of all.
    """
    result = renamed(global_local_names(renamed(tensors_of(state), ())), _AGRA)
    for theirs, ours in (("SourceMean", "source_centres"), ("TargetMean", "target_centres")):
        if (means := result.pop(f"{theirs}.running_mean", None)) is not None:
            result[f"{ours}.centres"] = means.reshape(-1, means.shape[-1]).expand(classes, -1)
            result[f"{ours}.seen"] = torch.ones(classes, dtype=torch.bool)
    return result


def critic_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a discriminator into our `DomainCritic`.

    Args:
        state: `ad_layer1` to `ad_layer3`, each with weight and bias, perhaps behind a prefix.
    """
    layers = {"1": "0", "2": "3", "3": "6"}
    return {
        f"layers.{layers[match[1]]}.{match[2]}": value
        for name, value in state.items()
        if (match := re.search(r"ad_layer([123])\.(?:\d+\.)?(weight|bias)$", name))
    }


def _stage_name(name: str) -> str:
    for pattern, replacement in _STAGES:
        name = re.sub(pattern, replacement, name)
    return re.sub(r"^layer(\d)\.", lambda match: f"stages.{int(match[1]) - 1}.", name)
