"""Starts a method from the weights of another run: an adaptation judged from a strong source model.

Most methods take what fits. One without source faces has nothing else to know the classes from, so it takes
the whole network, and with it everything that decides what the network sees and says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ferda.backbones.classifier import Classifier
from ferda.data.normalise import NORMALISATIONS, Normalise
from ferda.engine.checkpoint import LoadedMethod, Preprocessing, find_weights, load_method, read_metadata
from ferda.engine.recipe import Recipe
from ferda.engine.recipe_sections import DataRecipe
from ferda.errors import UserError
from ferda.methods import method_class
from ferda.methods.base import Method

_BACKBONE = "backbone."
_NETWORK = ("backbone", "backbone_options", "bottleneck")


def with_start(recipe: Recipe) -> Recipe:
    """Return the recipe of a method without sources with all that its start decides; any other as it is.

    Args:
        recipe: Of a run that begins, or of one that goes on.

    Raises:
        UserError: If it names no start, or one that the method cannot use, or source faces, or what the start
            has otherwise.
    """
    name, start = recipe.method.name, recipe.training.start
    if not method_class(name).needs.source_model:
        return recipe
    if start is None:
        raise UserError(f"The method '{name}' adapts a trained model; name its run with --start.")
    if recipe.data.sources:
        raise UserError(f"The method '{name}' looks at no source faces; leave --sources out.")
    model = _source_model(start)
    settings = model.method.settings.model_dump(mode="json")
    taken = {
        "method": {field: settings[field] for field in _NETWORK},
        "data": {"classes": list(model.classes), **_shown(model.preprocessing, start), **_learned(model)},
    }
    wanted = recipe.override(**taken)
    for table, own, theirs, usual in (
        ("method", recipe.method.config(), wanted.method.config(), method_class(name).Config()),
        ("data", recipe.data, wanted.data, DataRecipe()),
    ):
        for field in taken[table]:
            named, there = getattr(own, field), getattr(theirs, field)
            if named not in (there, getattr(usual, field)):
                raise UserError(
                    f"{table}.{field}={named} does not fit {start}, which has {there}: leave it out, a "
                    "method without source faces takes what its start has."
                )
    return wanted


def start_from(method: Method, path: str, classes: Sequence[str]) -> str:
    """Take over every tensor of a run whose name and shape the method has; say how many.

    Another kind of method has other names, but the same within a backbone of the same family: if little fits,
    the backbones are compared alone. A method without sources takes the whole network.

    Args:
        method: Gets the weights.
        path: A run folder or a `.safetensors` file.
        classes: The method's class list, which must be the run's.

    Returns:
        A sentence for the user.

    Raises:
        UserError: If the class lists differ, or less than half of the file fits.
    """
    if method.needs.source_model:
        model = _source_model(path)
        method.get_submodule("network").load_state_dict(model.method.get_submodule("network").state_dict())
        return f"started from {model.path}: network, classes, crop, size and normalisation are its own"
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


def _source_model(path: str) -> LoadedMethod:
    model = load_method(path)
    if not isinstance(getattr(model.method, "network", None), Classifier):
        raise UserError(
            f"{path} is a run of '{model.metadata['method']}': only a backbone with one linear head can be "
            "adapted without source faces; start from source_only, dann, cdan, mcc or the like."
        )
    return model


def _shown(preprocessing: Preprocessing, path: str) -> dict[str, Any]:
    """How the start shows pictures, in a recipe's words."""
    channels = preprocessing.channels
    for name in NORMALISATIONS:
        normalise = Normalise.named(name, channels)
        if (normalise.mean, normalise.std) == (preprocessing.mean, preprocessing.std):
            crop = preprocessing.crop.to_dict()
            return {"crop": crop, "size": preprocessing.size, "normalise": name, "channels": channels}
    raise UserError(f"{path} normalises its pictures in a way that no recipe can name.")


def _learned(model: LoadedMethod) -> dict[str, Any]:
    """What the start learned from, as far as it says so, for the guard against scores on the same faces."""
    data = model.metadata.get("recipe", {}).get("data", {})
    known = {field: data[field] for field in ("labels", "holdout") if field in data}
    return known | {"start_sources": [*data.get("sources", ()), *data.get("start_sources", ())]}


def _fitting(found: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}


def _numbers(tensors: Mapping[str, Tensor]) -> int:
    """Count numbers, not tensors: biases of another network fit by accident."""
    return sum(value.numel() for value in tensors.values())


def _within_backbone(name: str) -> str:
    return name[name.index(_BACKBONE) :] if _BACKBONE in name else name
