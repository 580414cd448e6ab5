"""The benchmark of validators: what it reads from a finished cell, and the tables it makes of it."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CLASSES = 7
#: Share of right answers of each epoch; the source is forgotten in the last one.
SKILLS = (0.5, 0.9, 0.7, 0.2)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("validators")


@pytest.fixture
def cell(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cell of four epochs of which the second is the best; `im` of the training faces says the third."""
    labels, rows = np.arange(140) % CLASSES, np.arange(300, 440)
    rng = np.random.default_rng(0)
    (tmp_path / "outputs").mkdir()
    for epoch, skill in enumerate(SKILLS, start=1):
        said = np.where(rng.random(140) < skill, labels, 0)
        np.savez(
            tmp_path / "outputs" / f"adapt_{epoch:03d}.npz",
            rows=rows[::-1],
            probabilities=(0.1 + 0.9 * np.eye(CLASSES))[said][::-1],
        )
    scores = pd.DataFrame(
        {
            "stage": "adapt",
            "epoch": [1, 2, 3, 4],
            "source_accuracy": [0.8, 0.8, 0.8, 0.3],
            "im": [0.1, 0.3, 0.4, 0.9],
            "selected": [None, None, "im", None],
        }
    )
    recipe = SimpleNamespace(training=SimpleNamespace(guard=0.05))
    run = SimpleNamespace(scores=scores, recipe=recipe, folder=tmp_path)
    monkeypatch.setattr(script, "Run", lambda folder: run)
    test = SimpleNamespace(labels=lambda: labels, rows=rows)
    monkeypatch.setattr(script, "open_domain", lambda *given: test)
    return script.Cell(tmp_path, "lfw-fer2013", "mcc", "1")


def test_a_cell_tells_the_regret_of_each_validator(cell: Any) -> None:
    found = cell.regrets()
    assert found["epochs"] == 4 and found["oracle"] == max(cell.recalls) == cell.recalls[1]
    assert found["from_watched"] == ["bnm", "ensv", "entropy", "snd"]
    im = found["chosen"]["im"]
    assert (im["epoch"], im["macro_recall"]) == (3, cell.recalls[2])
    assert im["regret"] == pytest.approx(cell.recalls[1] - cell.recalls[2])
    assert im["regret_without_guard"] == pytest.approx(cell.recalls[1] - cell.recalls[3])
    assert im["rank_correlation"] == pytest.approx(-0.4)
    # on the watched faces the best epoch uses all classes most evenly
    assert found["chosen"]["bnm"]["regret"] == 0
    assert found["chosen"]["last"]["epoch"] == 4
    assert found["regret_of_any"] == pytest.approx(cell.recalls[1] - np.mean(cell.recalls))


def test_methods_are_chosen_among_the_kept_checkpoints(script: ModuleType, cell: Any) -> None:
    assert script.between([cell, cell]) == []
    others = [SimpleNamespace(**vars(cell)) for _ in range(3)]
    for place, other in enumerate(others):
        other.method, other.kept, other.recalls = ("mcc", "dann", "osa")[place], place, cell.recalls
    (group,) = script.between(others)
    assert group["macro_recall"] == dict(zip(("mcc", "dann", "osa"), cell.recalls, strict=False))
    assert group["chosen"]["im"] == {"method": "dann", "regret": 0}
    others[2].scores = others[2].scores.drop(columns="source_accuracy")
    (without,) = script.between(others)
    assert group["chosen"].keys() - without["chosen"].keys() == {"source_accuracy"}


def test_the_tables_rank_validators_by_regret(script: ModuleType, cell: Any) -> None:
    section = importlib.import_module("sections.validators").section
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}}
    found = cell.regrets()
    short = {**found, "method": "esr", "epochs": 2}
    group = {
        "pair": "lfw-fer2013",
        "seed": 0,
        "macro_recall": {"mcc": 0.3, "osa": 0.4},
        "chosen": {"im": {"method": "mcc", "regret": 0.1}, "ensv": {"method": "osa", "regret": 0.0}},
    }
    again = {**group, "chosen": {"ensv": group["chosen"]["ensv"]}}
    page = section({"about": about, "cells": [found, short], "between_runs": [again, group]})
    table = page.split("###")[0].splitlines()
    rows = [line.split(" | ") for line in table if line.startswith("| ")][1:-1]
    regrets = [float(row[2].split(" ")[0]) for row in rows]
    assert len(regrets) == 7 and regrets == sorted(regrets) and regrets[-1] > 0
    assert "esr" not in page and "bnm in 1" in page
    assert "| ensv | 0.00 ± 0.00 | 0.0 | osa 2 |" in page and "| im | 10.00 | 10.0 | mcc 1 |" in page
    assert section({"about": about, "cells": [found], "between_runs": []}).count("###") == 0
