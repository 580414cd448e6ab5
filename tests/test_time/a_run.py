"""A run on disk, with its source, a target of other shares and photos; a square's colour is the class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from ferda.data.pack import write_pack
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.engine.recipe import parse_recipe
from ferda.faces.crops import CropRule
from ferda.methods import create_method

CLASSES = ("anger", "happiness", "neutral")
SIZE = 32
SETTINGS = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [16]}}


def faces(labels: np.ndarray, light: int, seed: int) -> np.ndarray:
    """(n, S, S, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 100, (len(labels), SIZE, SIZE, 3))
    images = noise + light
    for row, label in enumerate(labels):
        images[row, 8:24, 8:24, label] += 60
    return np.clip(images, 0, 255).astype(np.uint8)


def write(
    path: Path, labels: np.ndarray, light: int, seed: int, split: list[str] | None = None
) -> np.ndarray:
    images = faces(labels, light, seed)
    table = {"file": [f"{row}.png" for row in range(len(labels))], "expression": np.array(CLASSES)[labels]}
    write_pack(path, images, pd.DataFrame(table | ({} if split is None else {"split": split})))
    return images


def make_run(folder: Path) -> Path:
    """Write `source`, `target`, `photos` and `run` into a folder, and return it."""
    labels = np.repeat([0, 1, 2], (40, 40, 40))
    split = ["val" if row % 4 == 0 else "train" for row in range(120)]
    images = write(folder / "source", labels, 20, 1, split)
    shifted = np.repeat([1, 0, 2], (60, 10, 10))
    seen = write(folder / "target", shifted, 60, 2)
    (folder / "photos").mkdir()
    (folder / "run").mkdir()
    for row in range(0, 80, 8):
        Image.fromarray(seen[row]).save(folder / "photos" / f"{row:02d}.png")
    recipe = parse_recipe(
        {
            "method": {"name": "source_only", **SETTINGS},
            "data": {
                "sources": [str(folder / "source")],
                "classes": list(CLASSES),
                "normalise": "none",
            },
        }
    )
    torch.manual_seed(0)
    method = create_method("source_only", len(CLASSES), **SETTINGS)
    steps = torch.optim.Adam(method.parameters(), 0.01)
    shown = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for _ in range(6):
        steps.zero_grad()
        torch.nn.functional.cross_entropy(method.train()(shown).logits, torch.from_numpy(labels)).backward()
        steps.step()
    crop = CropRule("whole", size=SIZE, detect=False)
    save_weights(
        folder / "run" / "best.safetensors",
        method,
        name="source_only",
        settings=SETTINGS,
        classes=CLASSES,
        preprocessing=Preprocessing(crop, SIZE, (0.0,) * 3, (1.0,) * 3),
        recipe=recipe.to_dict(),
        selected_by="im",
        epoch=3,
    )
    return folder
