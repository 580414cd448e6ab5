"""The benchmark of adapting on the spot: learns from one part, measures the other, tells each seed."""

from __future__ import annotations

import importlib
import runpy
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ferda.adaptation.safety import Verdict
from ferda.engine.checkpoint import load_method

ROOT = Path(__file__).parents[2]
RUN = runpy.run_path(str(ROOT / "tests" / "test_time" / "a_run.py"))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    script = importlib.import_module("adapt")
    monkeypatch.setattr(script, "CLASSES", RUN["CLASSES"])
    monkeypatch.setitem(script.SCORED, "lfw", ("anger", "neutral"))
    monkeypatch.setattr("real_pairs.CLASSES", RUN["CLASSES"])
    return script


def test_a_start_is_adapted_to_one_part_and_measured_on_the_other(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = RUN["make_run"](tmp_path)
    split = ["train"] * 60 + ["test"] * 40
    RUN["write"](tmp_path / "packs" / "lfw", np.arange(100) % 3, 60, 5, split)
    models: list[dict[str, Any]] = []
    score = script.score

    def spied(run: Path, target: Path) -> Any:
        models.append(load_method(run).metadata)
        return score(run, target)

    monkeypatch.setattr(script, "score", spied)
    monkeypatch.setattr("ferda.adaptation.adapting.judge", lambda *anything: Verdict(()))
    cell = script.cell(tmp_path / "packs", "fer2013-lfw", 3, place / "run")
    assert [model.get("adapted_to") for model in models] == [None, f"{tmp_path / 'packs' / 'lfw'}@train"]
    # rows 60 to 99 hold 14 faces of anger, 13 of happiness (which is not scored) and 13 of neutral
    assert cell["before"]["faces"] == cell["after"]["faces"] == 27
    assert (cell["pair"], cell["seed"], cell["kept_old"]) == ("fer2013-lfw", 3, False)


def test_the_section_tells_each_seed(script: ModuleType) -> None:
    section = importlib.import_module("sections.adapt").section
    cells = [
        {
            "pair": "fer2013-lfw",
            "kept_old": kept,
            "cpu_seconds": 10 + gain,
            "before": {"macro_recall": 0.5, "accuracy": 0.6},
            "after": {"macro_recall": 0.5 + gain / 100, "accuracy": 0.7},
        }
        for gain, kept in ((2.0, False), (0.0, True))
    ]
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}}
    row = section({"about": about, "cells": cells}).splitlines()[-1]
    assert row.startswith("| FER2013 → LFW | 2 | 0.500 ± 0.000 | 0.510 ± 0.014 | +2.0 +0.0* | 0.600")
    assert row.endswith("| 11 |")
