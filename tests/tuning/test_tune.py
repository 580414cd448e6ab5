"""Searches that really train, on pictures of noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import ferda
from ferda.data.domain import open_domain
from ferda.engine.recipe import Recipe
from ferda.errors import UserError
from ferda.tuning.search import Search
from ferda.tuning.study import open_study
from ferda.tuning.summary import summarise
from ferda.tuning.worker import Budget, Worker

SMALL = (
    "method.backbone=small_cnn",
    "data.classes=[happiness, sadness]",
    "data.size=16",
    "training.batch=6",
    "training.epochs=2",
    "training.epoch_steps=2",
    "training.precision=fp32",
    "training.score_rows=12",
)


def test_other_labels_of_the_target_change_nothing(tiny_pack: Callable[..., Path], tmp_path: Path) -> None:
    tables = []
    for side in ("one", "other"):
        folder = tmp_path / side
        source = tiny_pack(folder / "source", 0)
        target = tiny_pack(folder / "target", 1, turned=side == "other")
        summary = ferda.tune("dann", folder / "out", sources=[source], target=target, changes=SMALL, trials=2)
        tables.append(summary.trials.drop(columns="seconds"))
    one, other = (open_domain(tmp_path / side / "target").labels() for side in ("one", "other"))
    assert not (one == other).any()
    pd.testing.assert_frame_equal(*tables)
    assert tables[0]["score"].notna().all()


def test_a_score_that_the_data_do_not_allow_is_refused_before_any_training(
    tiny_pack: Callable[..., Path], tmp_path: Path
) -> None:
    sides = {"sources": [tiny_pack(tmp_path / "source", 0)], "target": tiny_pack(tmp_path / "target", 1)}
    with pytest.raises(UserError, match="source_rmse cannot choose without valence and arousal"):
        ferda.tune("dann", tmp_path / "out", **sides, changes=SMALL, score="source_rmse")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("training")
def test_a_data_base_keeps_the_study(search: Search, recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    address = f"sqlite:///{tmp_path}/study.db"
    study = open_study(search, tmp_path / "here", address)
    Worker(search, study, tmp_path / "here", Budget(2)).run()
    assert not (tmp_path / "here" / "study.log").exists()
    # a trial in another machine's hands has no folder here, and is left there
    study.ask(search.space.distributions())
    (tmp_path / "there").mkdir()
    second = open_study(search, tmp_path / "there", address)
    assert summarise(search, second, tmp_path / "there").trials["state"].tolist()[-1] == "running"
    Worker(search, second, tmp_path / "there", Budget(4)).run()
    states = [trial.state.name for trial in open_study(search, tmp_path, address).get_trials()]
    assert states == ["COMPLETE", "COMPLETE", "RUNNING", "COMPLETE"]
    with pytest.raises(UserError, match="--storage: the data base cannot be opened") as caught:
        open_study(search, tmp_path, "nosuchbase://me:secret@host/x")
    assert "secret" not in str(caught.value)
