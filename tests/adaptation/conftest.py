"""A small run with packs and photos, as `tests/test_time/a_run.py` writes it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from ferda.engine.checkpoint import LoadedMethod, load_method

RUN = runpy.run_path(str(Path(__file__).parents[1] / "test_time" / "a_run.py"))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUN["make_run"](tmp_path_factory.mktemp("adapt"))


@pytest.fixture(scope="session")
def model(place: Path) -> LoadedMethod:
    return load_method(place / "run")
