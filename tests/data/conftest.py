"""Small data sets on disk, made for one test each."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ferda.data import working

Maker = Callable[..., Path]


def encode(seed: int, size: tuple[int, int] = (24, 20), kind: str = "png") -> bytes:
    """Bytes of a picture of noise; another seed, another picture."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """The function that encodes a picture of noise."""
    return encode


@pytest.fixture
def tree(tmp_path: Path) -> Maker:
    """Makes a folder of pictures from their names."""

    def make(files: Iterable[str], name: str = "tree") -> Path:
        root = tmp_path / name
        root.mkdir(exist_ok=True)
        for seed, file in enumerate(files):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_bytes(encode(seed))
        return root

    return make


@pytest.fixture
def archive(tmp_path: Path) -> Maker:
    """Makes a zip file of pictures from their names."""

    def make(files: Iterable[str], name: str = "data.zip") -> Path:
        with zipfile.ZipFile(tmp_path / name, "w") as file:
            for seed, entry in enumerate(files):
                file.writestr(entry, encode(seed))
        return tmp_path / name

    return make


@pytest.fixture
def table(tmp_path: Path) -> Maker:
    """Makes a CSV from columns."""

    def make(name: str = "data.csv", /, **columns: list[object]) -> Path:
        pd.DataFrame(columns).to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return make


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ferda.data.prepare.BLOCK", 4)
    monkeypatch.setattr(working, "BLOCK", 4)


@pytest.fixture(scope="session")
def blots() -> Callable[..., np.ndarray]:
    """A function: pictures of smooth random blots, (n, size, size, 3) uint8; another seed, other pictures."""

    def draw(n: int, size: int = 48, seed: int = 0) -> np.ndarray:
        coarse = np.random.default_rng(seed).integers(30, 220, (n, 12, 12), dtype=np.uint8)
        grown = [Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC) for grid in coarse]
        return np.repeat(np.stack([np.asarray(grid) for grid in grown])[..., None], 3, axis=3)

    return draw
