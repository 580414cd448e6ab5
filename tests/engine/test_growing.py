"""A method that grows by stages, from end to end: every checkpoint answers with what it has learned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from ferda.batch import Output
from ferda.data.domain import open_domain
from ferda.engine.checkpoint import load_method
from ferda.engine.fit import fit
from ferda.engine.recipe import parse_recipe
from ferda.engine.run import Run
from ferda.engine.scoring import answers
from ferda.errors import UserError
from ferda.evaluation.affect import score_affect
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


@pytest.fixture(scope="module")
def felt(make_pack: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy world with valence by expression, and all faces a little excited."""
    pack = make_pack(tmp_path_factory.mktemp("world") / "felt", 20, 0)
    rows = pd.read_parquet(pack / "manifest.parquet")
    rows["valence"] = rows["expression"].map({"happiness": 0.8, "sadness": -0.7, "neutral": 0.0})
    rows["arousal"] = 0.1
    rows.to_parquet(pack / "manifest.parquet")
    return pack


def test_affect_goes_on_from_a_grown_ensemble(
    grown: Run, raw_recipe: Make, felt: Path, tmp_path: Path
) -> None:
    balanced = {"balance": "quadrant_cap", "class_cap": 9, "epoch_steps": "longest"}
    raw = raw_recipe(felt, epochs=3, rate=0.1, select="source_rmse", start=str(grown.folder), **balanced)
    raw["method"] = {**ENSEMBLE, "learns": "affect"}
    raw["data"] |= {"sources": [str(felt)], "target": None}
    run = fit(parse_recipe(raw), tmp_path / "run", show=False)
    assert "loss/affect" in run.journal
    assert run.scores["step"].max() == 3  # nine rows of each of two quadrants are a batch and a half
    method, output = answer(run.folder / "best.safetensors")
    start, emotion = answer(grown.folder / "best.safetensors")
    assert torch.equal(output.logits, emotion.logits)
    assert output.views["affect"].shape == (3, 2)
    assert method.config.learns == "affect" and start.config.learns == "emotion"
    for stage, scores in run.scores.groupby("stage"):
        best = scores.loc[scores["source_rmse"].idxmax()]
        assert best["selected"] == "source_rmse" and scores["selected"].notna().sum() == 1, stage
    model, faces = run.load(), open_domain(f"{felt}@val", run.recipe.data.classes)
    said, labels = (
        answers(model.method, faces, None, model.preprocessing, torch.device("cpu")),
        faces.affect(),
    )
    assert labels is not None and said.affect is not None
    rmse = sum(each.rmse for each in score_affect(labels, said.affect))
    assert run.scores["source_rmse"].iloc[-3:].max() == pytest.approx(-rmse, abs=1e-5)


@pytest.mark.parametrize(
    ("pack", "select", "reason"),
    [
        ("source", "source_rmse", "without valence and arousal of held-out faces; what can: source_accuracy"),
        ("source", "im", "without a target"),
        ("felt", "source_rmse", "'source_only' says nothing of valence"),
    ],
)
def test_a_validator_that_cannot_choose_says_why(
    raw_recipe: Make, world: Path, felt: Path, tmp_path: Path, pack: str, select: str, reason: str
) -> None:
    raw = raw_recipe(world, "source_only", epochs=1, epoch_steps=1, select=select)
    raw["data"] |= {"sources": [str({"source": world / "source", "felt": felt}[pack])], "target": None}
    with pytest.raises(UserError, match=reason):
        fit(parse_recipe(raw), tmp_path / "run", show=False)
