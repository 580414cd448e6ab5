"""A model from disk answers as the one that was saved, with its own preprocessing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ferda
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.faces.crops import CropRule
from ferda.inference.predictor import Predictor
from ferda.methods import method_class

CLASSES = ("anger", "happiness", "neutral")
SETTINGS = {"backbone": "small_cnn"}


def test_what_was_saved_is_what_answers(tmp_path: Path) -> None:
    kind = method_class("source_only")
    method = kind(kind.Config(**SETTINGS), len(CLASSES), 1).eval()
    shown = Preprocessing(CropRule("whole", size=48, detect=False), 32, (0.5,) * 3, (0.25,) * 3)
    save_weights(
        tmp_path / "best.safetensors",
        method,
        name="source_only",
        settings=SETTINGS,
        classes=CLASSES,
        preprocessing=shown,
        temperature=1.7,
    )
    predictor = ferda.load(tmp_path, batch=3)
    assert isinstance(predictor, Predictor)
    assert predictor.classes == CLASSES and predictor.batch == 3
    picture = np.random.default_rng(0).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    same = Predictor(method, CLASSES, shown.crop, size=32, mean=shown.mean, std=shown.std)
    (loaded,), (kept,) = predictor(picture), same(picture)
    raw = np.array(list(kept.probabilities.values()))
    softened = raw ** (1 / 1.7) / (raw ** (1 / 1.7)).sum()
    assert list(loaded.probabilities.values()) == pytest.approx(softened, abs=1e-6)
    seen: list[torch.Tensor] = []
    predictor.method.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    predictor(picture)
    assert seen[0].shape == (1, 3, 32, 32)


def test_a_missing_model_is_said(tmp_path: Path) -> None:
    with pytest.raises(ferda.UserError, match="no run folder or weights file"):
        ferda.load(tmp_path / "run")
