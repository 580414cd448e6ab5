"""A search that trains nothing: what a run leaves, written by a function of the settings that were drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.engine.recipe import Recipe, parse_recipe
from ferda.engine.run import Run
from ferda.tuning import worker as worker_module
from ferda.tuning.search import Search
from ferda.tuning.space_reading import parse_space

EPOCHS = 3
SPACE = {"training.rate": {"low": 1e-4, "high": 1e-1, "log": True}, "method.adversarial_weight": [0.5, 1, 2]}


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A recipe of DANN that nobody trains."""
    data = {"sources": ["synthetic:studio"], "target": "synthetic:cctv"}
    training = {"epochs": EPOCHS, "rate": 0.01}
    return parse_recipe({"method": {"name": "dann"}, "data": data, "training": training})


@pytest.fixture
def search(recipe: Recipe) -> Search:
    """A search for the best learning rate, which is 0.001."""
    return Search(recipe, parse_space(SPACE, recipe), "im", (0,), "none")


class FakeTraining:
    """Stands for `fit`: scores are nearer to 2 the nearer the rate is to 0.001, and rise with the epochs.

    Attributes:
        began: For each call, its folder and whether it went on with a run.
        accuracy: Source accuracy by recipe.
        score: Score of the last epoch by recipe.
        before_epoch: Called with recipe and epoch; may raise.
    """

    def __init__(self) -> None:
        self.began: list[tuple[Path, bool]] = []
        self.accuracy: Callable[[Recipe], float] = lambda recipe: 0.9
        self.score: Callable[[Recipe], float] = lambda recipe: 2 - abs(math.log10(recipe.training.rate) + 3)
        self.before_epoch: Callable[[Recipe, int], None] = lambda recipe, epoch: None

    def __call__(
        self, recipe: Recipe, folder: Path, *, resume: bool, after_epoch: Callable[[Run], None], **rest: Any
    ) -> Run:
        self.began.append((folder, resume))
        run = Run(folder)
        if run.is_finished:
            return run
        (folder / "outputs").mkdir(parents=True, exist_ok=True)
        (folder / "recipe.yaml").write_text(recipe.to_yaml())
        rows = run.scores.to_dict("records") if (folder / "scores.csv").is_file() else []
        for epoch in range(len(rows) + 1, EPOCHS + 1):
            self.before_epoch(recipe, epoch)
            row = {"stage": "adapt", "epoch": epoch, "step": epoch, "source_accuracy": self.accuracy(recipe)}
            rows.append(row | {"im": self.score(recipe) * epoch / EPOCHS, "selected": ""})
            for one in rows:
                one["selected"] = "im" if one is rows[-1] else ""
            pd.DataFrame(rows).to_csv(folder / "scores.csv", index=False)
            pd.DataFrame({"seconds": [60.0 * epoch]}).to_csv(folder / "journal.csv", index=False)
            answers = np.eye(7)[np.arange(10) % (1 + int(4 * recipe.training.rate**0.5))]
            np.savez(folder / "outputs" / f"adapt_{epoch:03d}.npz", rows=np.arange(10), probabilities=answers)
            (folder / "last.pt").touch()
            after_epoch(run)
        (folder / "best.safetensors").touch()
        (folder / "finished").touch()
        return run


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """Takes the place of `fit` in the worker."""
    fake = FakeTraining()
    monkeypatch.setattr(worker_module, "fit", fake)
    return fake
