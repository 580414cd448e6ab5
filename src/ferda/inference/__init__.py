"""Use a trained model: pictures in, faces with their expressions out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferda.inference.predictor import Predictor


def load(path: str | Path, device: str = "cpu", **options: Any) -> Predictor:
    """Load a trained model, ready to name expressions in pictures.

    Args:
        path: A run folder or a `.safetensors` file.
        device: Where it computes: `cpu`, `cuda`, `mps`.
        **options: Of `Predictor`: `detect`, `fallback`, `least`, `batch`, `precision`, `detector`.

    Raises:
        UserError: If there is no such model.

    Example:
        >>> predictor = ferda.load("runs/hall")  # doctest: +SKIP
        >>> [face.expression for face in predictor("photo.jpg")]  # doctest: +SKIP
        ['happiness', 'surprise']
    """
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
