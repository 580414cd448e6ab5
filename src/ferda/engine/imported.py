"""From a checkpoint of the authors' program to a run folder that predicts and is evaluated like any other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferda.backbones.weights import WeightsReport, reports_to
from ferda.data.normalise import Normalise
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.engine.recipe import Recipe, parse_recipe
from ferda.engine.run import Run, begin_folder, check_folder, next_folder
from ferda.engine.upstream_inputs import upstream_input
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.methods.base import Method
from ferda.upstream import load_upstream


@dataclass(frozen=True)
class Imported:
    """A run folder that was not trained here.

    Attributes:
        run: Its folder.
        recipe: Settings, classes and preprocessing, as if it had been.
        reports: What of the file was used, unused and missing, for every part of the network.
    """

    run: Run
    recipe: Recipe
    reports: tuple[WeightsReport, ...]


def import_upstream(
    name: str,
    weights: str | Path,
    folder: str | Path | None = None,
    *,
    classes: Sequence[str] = (),
    shown: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
) -> Imported:
    """Read a checkpoint of a method's authors and write it as a run.

    Args:
        name: Method name, for instance `aglrls`.
        weights: A file of the authors' program, or a folder of them; none of their code is run.
        folder: Where the run is written; None takes the next free `runs/NAME-1`.
        classes: Expressions in the order of the logits, or the name of a data set whose order it is; none
            takes the authors' order.
        shown: `size`, `crop`, `normalise` or `channels`, where they differ from what the authors' program
            did.
        settings: Settings of the method that its weights do not tell.

    Raises:
        UserError: If the file, the folder or one of the settings is not as it must be.
    """
    heard: list[WeightsReport] = []
    with reports_to(heard.append):
        method = load_upstream(name, weights, **(settings or {}))
    recipe = _recipe(name, method, tuple(classes), shown or {})
    target = next_folder(Path("runs"), Path(name).stem) if folder is None else Path(folder)
    check_folder(target, recipe, resume=False)
    begin_folder(target, recipe)
    save_weights(
        target / "best.safetensors",
        method,
        name=name,
        settings=method.settings.model_dump(mode="json"),
        classes=recipe.data.classes,
        preprocessing=_preprocessing(recipe),
        recipe=recipe.to_dict(),
        selected_by="its authors",
        imported_from=str(weights),
    )
    (target / "finished").touch()
    return Imported(Run(target), recipe, tuple(heard))


def _recipe(name: str, method: Method, classes: tuple[str, ...], shown: Mapping[str, Any]) -> Recipe:
    theirs = upstream_input(name, method.classes, classes)
    known = ("size", "crop", "normalise", "channels")
    if strange := [key for key in shown if key not in known]:
        raise UserError(f"How pictures are shown has no '{strange[0]}'; it has {', '.join(known)}.")
    chosen = {key: getattr(theirs, key) for key in known} | dict(shown)
    data = {
        "classes": list(theirs.classes),
        "size": chosen["size"],
        "crop": {"kind": chosen["crop"], "size": chosen["size"]},
        "normalise": chosen["normalise"],
        "channels": chosen["channels"],
    }
    raw = {"method": {"name": name, **method.settings.model_dump(mode="json")}, "data": data}
    return parse_recipe(raw, where="What is imported")


def _preprocessing(recipe: Recipe) -> Preprocessing:
    data = recipe.data
    assert data.crop is not None and data.size is not None
    normalise = Normalise.named(data.normalise, data.channels)
    crop = CropRule.from_dict(data.crop.to_dict())
    return Preprocessing(crop, data.size, normalise.mean, normalise.std, normalise.channels)
