"""A method that grows by stages, from end to end: every checkpoint answers with what it has learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from ferda.batch import Output
from ferda.engine.checkpoint import load_method
from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.run import Run
from ferda.methods.esr import ESR

Make = Callable[..., Any]
ENSEMBLE = {"name": "esr", "branches": 2, "base": [8, "pool"], "branch": [16, "pool", 16]}


@pytest.fixture(scope="module")
def grown(raw_recipe: Make, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    raw = raw_recipe(world, epochs=2, rate=0.01, select="source_accuracy", ema=0.5)
    raw["method"] = {**ENSEMBLE, "older_rate": 0}
    del raw["data"]["target"]
    return fit(parse_recipe(raw), tmp_path_factory.mktemp("runs") / "grown", show=False)


def answer(path: Path) -> tuple[ESR, Output]:
    method = load_method(path).method
    assert isinstance(method, ESR)
    with torch.no_grad():
        return method, method(torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)))


def test_each_stage_adds_a_vote(grown: Run) -> None:
    for name, voters in (("stage-branch_1", 1), ("best", 2)):
        _, output = answer(grown.folder / f"{name}.safetensors")
        assert sum(view.startswith("branch_") for view in output.views) == voters
    assert [*grown.scores["stage"]] == ["branch_1", "branch_1", "branch_2", "branch_2"]
    assert grown.scores["source_accuracy"].iloc[-1] > 0.6


def test_what_is_frozen_is_what_the_stage_before_chose(grown: Run) -> None:
    first, _ = answer(grown.folder / "stage-branch_1.safetensors")
    last, _ = answer(grown.folder / "best.safetensors")
    kept = {name: value for name, value in last.state_dict().items() if "branches.1" not in name}
    before = first.state_dict()
    assert [name for name in kept if not torch.equal(kept[name], before[name])] == ["network.votes"]


def test_affect_goes_on_from_a_grown_ensemble(
    grown: Run, raw_recipe: Make, make_pack: Make, tmp_path: Path
) -> None:
    pack = make_pack(tmp_path / "felt", 20, 0)
    raw = raw_recipe(tmp_path, epochs=1, rate=0.1, select="last", start=str(grown.folder))
    raw["method"] = {**ENSEMBLE, "learns": "affect"}
    raw["data"] |= {"sources": [str(pack)], "target": None}
    rows = pd.read_parquet(pack / "manifest.parquet")
    rows["valence"] = rows["expression"].map({"happiness": 0.8, "sadness": -0.7, "neutral": 0.0})
    rows["arousal"] = 0.1
    rows.to_parquet(pack / "manifest.parquet")
    run = fit(parse_recipe(raw), tmp_path / "run", show=False)
    assert "loss/affect" in run.journal
    method, output = answer(run.folder / "best.safetensors")
    start, emotion = answer(grown.folder / "best.safetensors")
    assert torch.equal(output.logits, emotion.logits)
    assert output.views["affect"].shape == (3, 2)
    assert method.config.learns == "affect" and start.config.learns == "emotion"
