from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from ferda.engine.recipe import Recipe, load_recipe
from ferda.tuning.page import headline
from ferda.tuning.search import Search
from ferda.tuning.space_reading import parse_space
from ferda.tuning.study import open_study
from ferda.tuning.summary import Summary, summarise
from ferda.tuning.tune import write_search
from ferda.tuning.worker import Budget, Worker, trial_folder

from .conftest import FakeTraining


def searched(search: Search, out: Path, trials: int = 12) -> Summary:
    study = open_study(search, out)
    Worker(search, study, out, Budget(trials)).run()
    return summarise(search, study, out)


@pytest.mark.usefixtures("training")
def test_what_is_written_can_be_trained_and_read(search: Search, tmp_path: Path) -> None:
    summary = write_search(searched(search, tmp_path), tmp_path)
    table = pd.read_csv(tmp_path / "trials.csv")
    assert list(table["trial"]) == list(range(12))
    best = table.loc[table["score"].idxmax()]
    assert summary.best == best["trial"]
    recipe = load_recipe(tmp_path / "best.yaml")
    assert recipe.training.rate == pytest.approx(best["training.rate"])
    assert recipe.training.select == "im"
    assert recipe.data == search.recipe.data
    changed = {"rate": search.recipe.training.rate}
    assert recipe.override(training=changed).training == search.recipe.training
    page = (tmp_path / "tune.html").read_text()
    assert page.count("<svg") == 3
    assert "http" not in page.replace("http://www.w3.org", "")
    for words in (f"Trial {summary.best} is best", "the recipe as it is 1", "Importance", "training.rate"):
        assert words in page, words
    assert next(iter(summary.importance)) == "training.rate"
    assert sum(summary.importance.values()) == pytest.approx(1)


def test_a_model_that_forgot_its_sources_is_not_the_best(
    search: Search, training: FakeTraining, tmp_path: Path
) -> None:
    training.score = lambda recipe: 100 * recipe.training.rate
    training.accuracy = lambda recipe: 0.9 if recipe.training.rate <= 0.01 else 0.84
    summary = searched(search, tmp_path)
    table = summary.trials
    honest = table[table["source_accuracy"] > 0.85]
    assert len(honest) < len(table), "some drew a higher rate"
    assert summary.best == honest.loc[honest["score"].idxmax(), "trial"]
    assert table["score"].max() > summary.line(summary.best)["score"]
    assert table["agreement"].isna().sum() == len(table) - len(honest), "and has no vote"


def test_a_second_opinion_is_told(search: Search, training: FakeTraining, tmp_path: Path) -> None:
    # rates from 0.0625 on answer with two classes, all others with one
    training.score = lambda recipe: 100 * recipe.training.rate
    summary = searched(search, tmp_path, 14)
    low = summary.trials[summary.trials["training.rate"] < 0.0625]
    high = summary.trials[summary.trials["training.rate"] >= 0.0625]
    assert len(low) > len(high) > 0, "the majority answers with one class"
    assert set(low["agreement"]) == {1.0} and set(high["agreement"]) == {0.5}
    (said,) = (one for one in summary.remarks if "agrees most" in one)
    assert "on 100.0% of the faces; the best one by 'im' on 50.0%" in said
    assert any("training.rate lies at the upper end" in one for one in summary.remarks)
    assert said in headline(summary).detail


def test_the_recipe_may_be_the_best(search: Search, training: FakeTraining, tmp_path: Path) -> None:
    training.score = lambda recipe: 1.0 if recipe.training.rate == 0.01 else 0.5
    summary = searched(search, tmp_path, 4)
    assert summary.best == summary.own == 0
    assert "No trial beats the recipe as it is." in summary.remarks
    assert summary.importance == {}, "too few scores differ"


def test_whole_numbers_and_tables_come_back_as_they_were(
    recipe: Recipe, training: FakeTraining, tmp_path: Path
) -> None:
    schedules: list[Any] = [{"kind": "cosine"}, {"kind": "decay", "every": 5, "by": 0.1}]
    space = parse_space({"training.batch": {"low": 8, "high": 64}, "training.schedule": schedules}, recipe)
    write_search(searched(Search(recipe, space, "im", (3,), "none"), tmp_path, 3), tmp_path)
    written = yaml.safe_load((tmp_path / "best.yaml").read_text())["training"]
    assert isinstance(written["batch"], int)
    assert written["schedule"]["kind"] in ("cosine", "decay")
    assert written["seed"] == 3


def test_what_was_interrupted_is_shown_as_that(search: Search, tmp_path: Path) -> None:
    study = open_study(search, tmp_path)
    trial = study.ask(search.space.distributions())
    trial_folder(tmp_path, trial.number).mkdir(parents=True)
    (found,) = summarise(search, study, tmp_path).trials["state"]
    assert found == "interrupted"
    from ferda.tuning.claims import claim

    held = claim(trial_folder(tmp_path, trial.number))
    assert summarise(search, study, tmp_path).trials["state"].tolist() == ["running"]
    assert held is not None
    held.release()
    summary = write_search(summarise(search, study, tmp_path), tmp_path)
    assert summary.best is None and not (tmp_path / "best.yaml").exists()
