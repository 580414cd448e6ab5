"""What a run leaves on disk: `last.pt` to go on from, and `.safetensors` weights that say what they are.

Both are written to a temporary name and renamed, so a full disk or a kill leaves the former file as it was.
Neither can run code when it is read: `last.pt` is loaded with `weights_only=True`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_model, save_model

from ferda.data.normalise import Channels
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.files import replacing
from ferda.methods import method_class
from ferda.methods.base import Method
from ferda.weights import STARTER, starter_file


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes the tensor that a model was trained on.

    Attributes:
        crop: How the face is cut out.
        size: Side in pixels of the model's input.
        mean: Subtracted from pixels in [0, 1], in the order of `channels`.
        std: Divisor after that, likewise.
        channels: Order of colours.
    """

    crop: CropRule
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    channels: Channels = "rgb"


@dataclass(frozen=True)
class LoadedMethod:
    """A trained method, ready to answer, with all that its weights need to be used rightly.

    Attributes:
        method: In evaluation mode.
        classes: Names, in the order of the logits.
        preprocessing: How pictures are shown to it.
        metadata: Method name, recipe, who selected it, from which epoch, version.
        path: The file it came from.
    """

    method: Method
    classes: tuple[str, ...]
    preprocessing: Preprocessing
    metadata: dict[str, Any]
    path: Path

    @property
    def temperature(self) -> float:
        """What makes answers as sure as they were right on held-out faces of the source; 1 if unknown."""
        return float(self.metadata.get("temperature", 1.0))


def save_weights(
    path: Path,
    method: Method,
    *,
    name: str,
    settings: dict[str, Any],
    classes: tuple[str, ...],
    preprocessing: Preprocessing,
    **facts: Any,
) -> None:
    """Write a method's weights with everything that is needed to use them.

    Args:
        path: Ends in `.safetensors`.
        method: Its state is written.
        name: As `method_class` takes it.
        settings: Of the method's `Config`.
        classes: Names, in the order of the logits.
        preprocessing: How pictures are shown to it.
        **facts: Anything that JSON can hold: recipe, epoch, selected_by, scores.

    Raises:
        UserError: If the disk is full or not writable; a former file is then untouched.
    """
    from ferda import __version__

    about = {
        "ferda": __version__,
        "method": name,
        "settings": settings,
        "classes": list(classes),
        "sources": method.sources,
        "preprocessing": {**asdict(preprocessing), "crop": preprocessing.crop.to_dict()},
        **facts,
    }
    metadata = {"ferda": json.dumps(about, sort_keys=True)}
    _replace(path, lambda temporary: save_model(method.kept(), str(temporary), metadata=metadata))


def read_metadata(path: Path) -> dict[str, Any]:
    """Return what a weights file says of itself.

    Args:
        path: A `.safetensors` file of ferda.

    Raises:
        UserError: If it is no such file.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            text = (file.metadata() or {}).get("ferda")
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path} is not a readable .safetensors file: {error}.") from error
    if text is None:
        raise UserError(
            f"{path} was not written by ferda; 'ferda.load_upstream' reads checkpoints of the originals."
        )
    return dict(json.loads(text))


def find_weights(path: str | Path) -> Path:
    """Return the weights file of a run folder, the file itself, or that of a model in the package.

    Args:
        path: A run folder, a `.safetensors` file, or `starter`, if nothing here has that name.

    Raises:
        UserError: If there is none.
    """
    path = Path(path)
    if str(path) == STARTER and not path.exists():
        return starter_file()
    if path.is_dir():
        if (path / "best.safetensors").is_file():
            return path / "best.safetensors"
        raise UserError(
            f"The run {path} has no best.safetensors yet; train it further with 'ferda fit --resume'."
        )
    if not path.is_file():
        raise UserError(f"There is no run folder or weights file {path}.")
    return path


def count_learned(path: Path) -> int:
    """Return how many numbers of a weights file were learned; statistics of batch norm were not.

    Args:
        path: A `.safetensors` file.
    """
    with safe_open(str(path), "np") as stored:
        names = [name for name in list(stored.keys()) if "running_" not in name and "num_batches" not in name]
        return sum(math.prod(stored.get_slice(name).get_shape()) for name in names)


def load_method(path: str | Path, device: str | torch.device = "cpu") -> LoadedMethod:
    """Load a trained method from a run folder or a weights file.

    Args:
        path: A run folder or a `.safetensors` file.
        device: Where it will compute.

    Raises:
        UserError: If there is none, or it does not fit its own description.
    """
    file = find_weights(path)
    about = read_metadata(file)
    kind = method_class(about["method"])
    settings = _without_start(about["settings"])
    method = kind(kind.Config(**settings), len(about["classes"]), about["sources"])
    try:
        load_model(method.kept(), str(file))
    except RuntimeError as error:
        raise UserError(f"{file} does not fit the method '{about['method']}' it names: {error}") from error
    shown = about["preprocessing"]
    preprocessing = Preprocessing(
        crop=CropRule.from_dict(shown["crop"]),
        size=shown["size"],
        mean=tuple(shown["mean"]),
        std=tuple(shown["std"]),
        # files from before there was a choice say nothing of it
        channels=shown.get("channels", "rgb"),
    )
    method.to(device).eval()
    return LoadedMethod(method, tuple(about["classes"]), preprocessing, about, file)


def _without_start(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings that make the network without reading or fetching what its training began from."""
    made = dict(settings)
    if isinstance(made.get("weights"), str):
        made["weights"] = None
    if isinstance(options := made.get("backbone_options"), dict):
        made["backbone_options"] = {name: value for name, value in options.items() if name != "download"}
    return made


def save_state(path: Path, state: dict[str, Any]) -> None:
    """Write all that a run needs to go on.

    Args:
        path: Usually `last.pt`.
        state: Tensors, numbers, strings, and lists and dicts of these.

    Raises:
        UserError: If the disk is full or not writable; a former file is then untouched.
    """
    _replace(path, lambda temporary: torch.save(state, temporary))


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote.

    Args:
        path: Usually `last.pt`.

    Raises:
        UserError: If it is damaged or missing.
    """
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UserError(f"{path} cannot be resumed from: {error}") from error
    return state


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    try:
        with replacing(path) as temporary:
            write(temporary)
    except (OSError, RuntimeError, SafetensorError) as error:
        kept = "; the former file is unharmed" if path.exists() else ""
        raise UserError(
            f"Could not write {path} ({error}){kept}: free some space or choose another folder."
        ) from error
