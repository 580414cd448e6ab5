"""A toy world on disk: the colour of a square says the class, the brightness the domain."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.data.pack import write_pack

CLASSES = ("happiness", "sadness", "neutral")
SIZE = 32


def _make_pack(folder: Path, brightness: int, seed: int, rows: int = 90) -> Path:
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(rows) % len(CLASSES))
    images = rng.integers(0, 60, (rows, SIZE, SIZE, 3)).astype(np.uint8) + np.uint8(brightness)
    for row, label in enumerate(labels):
        images[row, 8:24, 8:24, label] += 120
    points = np.tile(np.array([[11, 12], [21, 12], [16, 17], [12, 22], [20, 22]], np.float32), (rows, 1, 1))
    split = np.where(
        np.arange(rows) < rows * 0.6, "train", np.where(np.arange(rows) < rows * 0.8, "val", "test")
    )
    manifest = pd.DataFrame(
        {
            "file": [f"{row:03d}.png" for row in range(rows)],
            "expression": [CLASSES[label] for label in labels],
            "split": split,
            "subject": [f"s{row // 3}" for row in range(rows)],
        }
    )
    write_pack(folder, images, manifest, landmarks=points, name=folder.name)
    return folder


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packs `source`, `second` and `target`."""
    root = tmp_path_factory.mktemp("world")
    _make_pack(root / "source", 20, 0)
    _make_pack(root / "second", 40, 1, rows=45)
    _make_pack(root / "target", 70, 2)
    return root


def _raw_recipe(world: Path, method: str = "dann", **training: object) -> dict:
    """A recipe of a few small steps, as plain values."""
    small = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [16, 16]}}
    slim = {"backbone": "ir_small", "backbone_options": {"widths": [8, 16, 16, 32]}, "part_width": 16}
    settings = slim if method == "aglrls" else small
    return {
        "method": {"name": method, **settings},
        "data": {
            "sources": [str(world / "source")],
            "target": str(world / "target"),
            "classes": list(CLASSES),
            "size": SIZE,
        },
        "training": {
            "epochs": 3,
            "epoch_steps": 6,
            "batch": 12,
            "optimiser": "adamw",
            "rate": 0.003,
            "precision": "fp32",
            "log_every": 2,
            "save_every": 2,
            **training,
        },
    }


@pytest.fixture(scope="session")
def raw_recipe() -> Callable[..., dict[str, Any]]:
    """Makes the plain values of a recipe of a few small steps."""
    return _raw_recipe


@pytest.fixture(scope="session")
def make_pack() -> Callable[..., Path]:
    """Makes one domain of the toy world."""
    return _make_pack
