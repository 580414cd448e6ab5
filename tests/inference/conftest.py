"""Every method with a tiny network, as the contract of methods makes them, and films of any frames."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from ferda.engine.checkpoint import Preprocessing, load_method, save_weights
from ferda.faces.crops import CropRule
from ferda.inference.export import export_model
from ferda.methods import method_class
from ferda.methods.base import Method


@pytest.fixture(scope="session")
def tiny_method() -> Callable[[str], Method]:
    """A function: name of a method -> one of three classes and two sources, for pictures of 48 pixels."""
    # one list of tiny settings for all tests: a method that is not in it is made by the general ones
    return runpy.run_path(str(Path(__file__).parents[1] / "methods" / "test_contract.py"))["make"]


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """A function: frames (RGB), a name, a rate -> a film without loss if it ends in `.mkv`."""
    codes = {".mkv": "FFV1", ".mp4": "mp4v", ".webm": "VP80", ".avi": "MJPG"}

    def write(frames: Sequence[np.ndarray], name: str = "film.mkv", rate: float = 10.0) -> Path:
        path = tmp_path / name
        height, width = frames[0].shape[:2]
        code = cv2.VideoWriter.fourcc(*codes[path.suffix])
        writer = cv2.VideoWriter(str(path), code, rate, (width, height))
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[..., ::-1]))
        writer.release()
        return path

    return write


@pytest.fixture(scope="session")
def exported_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file, the same exported, and a picture."""
    data = pytest.importorskip("skimage.data", reason="scikit-image carries the test photo")
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(0)
    classes = ("anger", "happiness", "neutral")
    settings = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 8]}}
    kind = method_class("source_only")
    method = kind(kind.Config(**settings), len(classes), 1)
    shown = Preprocessing(CropRule("aligned", size=56), 32, (0.5, 0.4, 0.3), (0.25,) * 3, "bgr")
    weights = folder / "run.safetensors"
    facts = {"name": "source_only", "settings": settings, "classes": classes, "preprocessing": shown}
    save_weights(weights, method, **facts, temperature=0.1)
    assert export_model(load_method(weights), folder / "run.onnx") < 1e-5
    Image.fromarray(data.astronaut()[:300, 60:400]).save(folder / "photo.png")
    return folder
