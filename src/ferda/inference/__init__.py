"""Use a trained model: pictures in, faces with their expressions out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferda.errors import UserError

if TYPE_CHECKING:
    from ferda.inference.judging import Judging
    from ferda.inference.predictor import Predictor


def load(path: str | Path = "starter", device: str = "cpu", **options: Any) -> Judging:
    """Load a trained model, ready to name expressions in pictures.

    Args:
        path: A run folder, a `.safetensors` file, or an `.onnx` file of `ferda export`, which needs no torch;
            `starter` is the model that comes with the package.
        device: Where it computes: `cpu`, `cuda`, `mps`.
        **options: Of `Predictor`: `detect`, `fallback`, `least`, `batch`, `min_face`, `detector`,
            `precision`; an exported model has `threads` in place of the last.

    Raises:
        UserError: If there is no such model.

    Example:
        >>> predictor = ferda.load("runs/hall")  # doctest: +SKIP
        >>> [face.expression for face in predictor("photo.jpg")]  # doctest: +SKIP
        ['happiness', 'surprise']
    """
    if Path(path).suffix == ".onnx":
        from ferda.inference.runtime import load_onnx

        if device != "cpu" or options.pop("precision", "fp32") != "fp32":
            raise UserError(
                f"{path} computes on the CPU in the format of its file; leave device and precision out."
            )
        return load_onnx(path, **options)
    return load_run(path, device, **options)


def load_run(path: str | Path, device: str = "cpu", **options: Any) -> Predictor:
    """Load a trained model into torch, where it can also be explained and adapted.

    Args:
        path: A run folder or a `.safetensors` file.
        device: Where it computes: `cpu`, `cuda`, `mps`.
        **options: Of `Predictor`.

    Raises:
        UserError: If there is no such model.
    """
    if Path(path).suffix == ".onnx":
        raise UserError(f"{path} is an exported model, which can only answer; give the run it was made from.")
    from ferda.engine.checkpoint import load_method
    from ferda.inference.predictor import Predictor

    model = load_method(path, device)
    shown = model.preprocessing
    predictor = Predictor(
        model.method,
        model.classes,
        shown.crop,
        size=shown.size,
        mean=shown.mean,
        std=shown.std,
        channels=shown.channels,
        temperature=model.temperature,
        device=device,
        **options,
    )
    predictor.loaded = model
    return predictor
