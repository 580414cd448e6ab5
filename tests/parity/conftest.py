"""Parity: the numbers of the authors' own programs, for every system and every seed there is.

A fixture folder is named after its system and holds `manifest.json` (names and shapes of state dicts) and,
for each seed N, `N.npz` (whole networks) and `<kind>_N.npz` (`losses_N.npz`, ...). Weights and pictures are
not stored: both sides draw them by the same rule from the seed and the name. Set `FERDA_PARITY` to test with
another folder of such fixtures, for instance with other seeds.

A test module says `SYSTEM = "aglrls"` and asks for the fixture `case`; it runs once per seed.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

FIXTURES = Path(os.environ.get("FERDA_PARITY", Path(__file__).parent / "fixtures"))

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
Entry = Sequence[Any]


@dataclass(frozen=True)
class ParityCase:
    """One system's numbers for one seed."""

    folder: Path
    seed: int

    @cached_property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text())

    def load(self, kind: str = "") -> dict[str, Any]:
        """Arrays of `<kind>_<seed>.npz`, or of `<seed>.npz`: tensors of their own type, names in lists."""
        return _tensors(self.folder / f"{kind}_{self.seed}.npz" if kind else self.folder / f"{self.seed}.npz")

    @property
    def outputs(self) -> dict[str, Any]:
        return self.load()

    @property
    def losses(self) -> dict[str, Any]:
        return self.load("losses")

    def generator(self, offset: int = 0) -> np.random.Generator:
        """The generator that the manifests call `default_rng(SEED + offset)`."""
        return np.random.default_rng(self.seed + offset)

    def pictures(self, offset: int, rows: int, side: int) -> Tensor:
        """Normal (rows, 3, side, side) float32 of `default_rng(SEED + offset)`."""
        drawn = self.generator(offset).normal(0, 1, (rows, 3, side, side))
        return torch.from_numpy(drawn.astype(np.float32))

    @staticmethod
    def narrow_norms(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """A draw for `weights` whose norms stay below one, for networks that are deep in residual units."""
        if len(shape) == 1:
            return generator.uniform(0.3, 0.8, shape)
        return generator.normal(0, 1, shape) * np.sqrt(2 / np.prod(shape[1:]))

    def weights(
        self,
        entries: Iterable[Entry],
        special: Mapping[str, Draw] | None = None,
        gain: float = 2.0,
        seeded_as: Callable[[str], str] = str,
    ) -> dict[str, Tensor]:
        """The state dict that the authors' network was filled with.

        Every entry has a generator of its own, seeded by the check sum of its name and the seed.

        Args:
            entries: (name, shape, dtype) of each.
            special: Regular expression of a name -> draw, instead of the rules below.
            gain: Of tensors with two or more axes: normal * sqrt(gain / fan in).
            seeded_as: Name of the entry -> name that seeds it.
        """
        return {
            name: self._fill(name, tuple(shape), dtype, special or {}, gain, seeded_as)
            for name, shape, dtype in entries
        }

    def _fill(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        special: Mapping[str, Draw],
        gain: float,
        seeded_as: Callable[[str], str],
    ) -> Tensor:
        if dtype.startswith("int"):
            return torch.zeros(shape, dtype=torch.int64)
        generator = np.random.default_rng(zlib.crc32(seeded_as(name).encode()) ^ self.seed)
        for pattern, draw in special.items():
            if re.search(pattern, name):
                return torch.from_numpy(np.asarray(draw(generator, shape), dtype=np.float32))
        if name.endswith("running_var"):
            values = generator.uniform(0.5, 1.5, shape)
        elif name.endswith("running_mean"):
            values = generator.normal(0, 0.1, shape)
        elif len(shape) >= 2:
            values = generator.normal(0, 1, shape) * np.sqrt(gain / np.prod(shape[1:]))
        elif name.endswith("weight"):
            values = generator.uniform(0.5, 1.5, shape)
        else:
            values = generator.normal(0, 0.05, shape)
        return torch.from_numpy(np.asarray(values, dtype=np.float32))


@lru_cache(maxsize=16)
def _tensors(path: Path) -> dict[str, Any]:
    if not path.is_file():
        pytest.skip(f"{path.parent.name} has no {path.name}")
    with np.load(path) as arrays:
        return {key: _tensor(np.array(arrays[key])) for key in arrays.files}


def _tensor(values: np.ndarray) -> Any:
    return values.tolist() if values.dtype.kind == "U" else torch.from_numpy(values)


def seeds(folder: Path) -> list[int]:
    """Seeds for which a folder has at least one file."""
    found = (re.fullmatch(r"(?:\w+_)?(\d+)", file.stem) for file in folder.glob("*.npz"))
    return sorted({int(match[1]) for match in found if match})


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    folder = FIXTURES / metafunc.module.SYSTEM
    cases = [ParityCase(folder, seed) for seed in seeds(folder)]
    metafunc.parametrize("case", cases, ids=lambda case: f"seed{case.seed}", scope="module")


@pytest.fixture(scope="session")
def unaccounted() -> Callable[[Iterable[str], Mapping[str, str]], list[str]]:
    """A function (keys, table of patterns) -> the keys that no pattern or more than one pattern names."""

    def find(keys: Iterable[str], table: Mapping[str, str]) -> list[str]:
        return [key for key in keys if sum(fnmatch.fnmatchcase(key, pattern) for pattern in table) != 1]

    return find
