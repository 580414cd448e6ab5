"""Trials that train nothing: what is drawn, ended early, taken over, and kept."""

from __future__ import annotations

import os
import signal
from multiprocessing.context import ForkServerContext as Forks
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from ferda.engine.recipe import Recipe
from ferda.errors import UserError
from ferda.tuning import worker as worker_module
from ferda.tuning.search import Search
from ferda.tuning.study import open_study
from ferda.tuning.worker import Budget, Worker, seed_folder, trial_folder

from .conftest import EPOCHS, FakeTraining


def work(search: Search, out: Path, trials: int, **more: Any) -> list[Any]:
    study = open_study(search, out)
    Worker(search, study, out, Budget(trials, **more)).run()
    return study.get_trials()


@pytest.mark.usefixtures("training")
def test_the_recipe_comes_first_and_the_best_is_found(search: Search, tmp_path: Path) -> None:
    trials = work(search, tmp_path, 25)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 25
    assert trials[0].params == {"training.rate": 0.01, "method.adversarial_weight": 1}
    assert trials[0].value == pytest.approx(1.0)
    by_chance, led = trials[1:11], trials[15:]
    assert max(trial.value for trial in led) > 1.8
    assert sum(trial.value for trial in led) / 10 > sum(trial.value for trial in by_chance) / 10
    assert trials[3].user_attrs["epochs"] == [EPOCHS]
    assert trials[3].user_attrs["seconds"] == 60.0 * EPOCHS
    left = {file.name for file in seed_folder(tmp_path, 3, 0).rglob("*") if file.is_file()}
    assert left == {"recipe.yaml", "scores.csv", "journal.csv", "finished", f"adapt_{EPOCHS:03d}.npz"}


@pytest.mark.usefixtures("training")
def test_who_goes_on_draws_other_trials(search: Search, tmp_path: Path) -> None:
    work(search, tmp_path, 3)
    assert len(work(search, tmp_path, 3)) == 3, "the budget counts what was there"
    trials = work(search, tmp_path, 6)
    assert len({trial.params["training.rate"] for trial in trials}) == 6


def test_no_trial_begins_after_the_end(search: Search, training: FakeTraining, tmp_path: Path) -> None:
    assert work(search, tmp_path, 5, until=1.0)[0].state == TrialState.WAITING
    assert training.began == []


def test_a_trial_is_the_mean_of_its_seeds(
    recipe: Recipe, search: Search, training: FakeTraining, tmp_path: Path
) -> None:
    training.score = lambda recipe: 1.0 + recipe.training.seed
    training.accuracy = lambda recipe: 0.5 + 0.1 * recipe.training.seed
    three = Search(recipe, search.space, "im", (0, 1, 4), "median")
    (trial,) = work(three, tmp_path, 1)
    assert trial.value == pytest.approx(1 + 5 / 3)
    assert trial.user_attrs["trust"] == pytest.approx(0.5 + 0.5 / 3)
    # one place for each epoch of each training, and one for the model that it starts from
    assert list(trial.intermediate_values) == [1, 2, 3, 5, 6, 7, 9, 10, 11]
    assert trial.intermediate_values[11] == pytest.approx(trial.value)
    assert trial.intermediate_values[5] == pytest.approx((1 + 2 / 3) / 2)


def test_a_trial_behind_the_others_is_ended(
    recipe: Recipe, search: Search, training: FakeTraining, tmp_path: Path
) -> None:
    pruned = Search(recipe, search.space, "im", (0,), "median")
    trials = work(pruned, tmp_path, 16)
    ended = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert ended and trials.index(ended[0]) >= 5
    whole = [trial.value for trial in trials[:5]]
    assert all(list(trial.intermediate_values) == [1] for trial in ended), "at its first epoch"
    assert ended[0].value < sorted(whole)[2] / EPOCHS
    assert not list(trial_folder(tmp_path, ended[0].number).rglob("*.pt"))


def test_what_forgot_its_sources_ends_nobody_and_is_held_against_itself(
    recipe: Recipe, search: Search, training: FakeTraining, tmp_path: Path
) -> None:
    training.score = lambda recipe: 9.0 if recipe.training.rate > 0.001 else 1.0
    training.accuracy = lambda recipe: 0.2 if recipe.training.rate > 0.001 else 0.9
    trials = work(Search(recipe, search.space, "im", (0,), "median"), tmp_path, 16)
    cheats = [trial.params["training.rate"] > 0.001 for trial in trials]
    first = cheats.index(False)
    assert sum(cheats[:10]) > 5 and first < 9, "most are cheats, and not only the first"
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    for trial, is_cheat in zip(trials[first:], cheats[first:], strict=True):
        (violated,) = trial.constraints.values()
        assert (violated > 0) == is_cheat


def test_a_failure_keeps_its_error_and_stops_nobody(
    search: Search, training: FakeTraining, tmp_path: Path
) -> None:
    def fail(recipe: Recipe, epoch: int) -> None:
        if recipe.training.rate > 0.01:
            raise UserError("The losses are not finite: lower training.rate.")
        if recipe.training.rate < 0.001:
            raise ZeroDivisionError("one\ntwo")

    training.before_epoch = fail
    trials = work(search, tmp_path, 12)
    errors = [trial.user_attrs["error"] for trial in trials if trial.state == TrialState.FAIL]
    assert set(errors) == {"The losses are not finite: lower training.rate.", "ZeroDivisionError: one two"}
    assert trials[0].state == TrialState.COMPLETE


def test_a_score_that_is_no_number_is_a_failure(
    search: Search, training: FakeTraining, tmp_path: Path
) -> None:
    training.score = lambda recipe: float("nan") if recipe.training.rate > 0.01 else 1.0
    failed = [trial for trial in work(search, tmp_path, 8) if trial.state == TrialState.FAIL]
    assert failed and {trial.user_attrs["error"] for trial in failed} == {"Its answers are not finite."}


def test_a_search_that_cannot_work_ends_soon(search: Search, training: FakeTraining, tmp_path: Path) -> None:
    training.score = lambda recipe: float("nan")
    with pytest.raises(UserError, match=r"first 3 trials failed, the last one: Its answers are not finite"):
        work(search, tmp_path, 20)
    assert len(training.began) == 3


def test_ctrl_c_puts_the_trial_back(search: Search, training: FakeTraining, tmp_path: Path) -> None:
    def press(recipe: Recipe, epoch: int) -> None:
        if len(training.began) == 2 and epoch == 2:
            raise KeyboardInterrupt

    training.before_epoch = press
    with pytest.raises(KeyboardInterrupt):
        work(search, tmp_path, 4)
    left = open_study(search, tmp_path).get_trials()
    assert [trial.state for trial in left] == [TrialState.COMPLETE, TrialState.RUNNING]
    assert (seed_folder(tmp_path, 1, 0) / "last.pt").is_file()
    trials = work(search, tmp_path, 3)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 3
    assert trials[1].params == left[1].params
    assert [(folder.parent.name, resumed) for folder, resumed in training.began] == [
        ("0000", False),
        ("0001", False),
        ("0001", True),
        ("0002", False),
    ]


def killed(search: Search, out: Path, fake: FakeTraining, at: int) -> None:
    """A process that is killed in the middle of its trial number `at`."""

    def kill(recipe: Recipe, epoch: int) -> None:
        if len(fake.began) == at and epoch == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    fake.accuracy, fake.score, fake.before_epoch = (lambda recipe: 0.9), (lambda recipe: 1.0), kill
    worker_module.fit = fake  # type: ignore[assignment]
    work(search, out, 9)


def test_a_killed_trial_is_taken_over_and_one_in_hands_is_not(
    search: Search, training: FakeTraining, tmp_path: Path, forks: Forks
) -> None:
    bare = FakeTraining()
    bare.__dict__ |= {"accuracy": None, "score": None, "before_epoch": None}  # a process takes no functions
    process = forks.Process(target=killed, args=(search, tmp_path, bare, 2))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    left = open_study(search, tmp_path).get_trials()
    assert [trial.state for trial in left] == [TrialState.COMPLETE, TrialState.RUNNING]

    held = worker_module.claim(trial_folder(tmp_path, 1))
    assert held is not None
    others = work(search, tmp_path, 3)
    assert [trial.state for trial in others][1:] == [TrialState.RUNNING, TrialState.COMPLETE]
    held.release()
    trials = work(search, tmp_path, 3)
    assert trials[1].state == TrialState.COMPLETE and trials[1].params == left[1].params
    assert training.began[-1] == (seed_folder(tmp_path, 1, 0), True)
    assert list(trials[1].intermediate_values) == [1, 2, 3]


def test_what_kills_every_process_is_given_up(search: Search, training: FakeTraining, tmp_path: Path) -> None:
    study = open_study(search, tmp_path)
    trial = study.ask(search.space.distributions())
    trial.set_user_attr("tries", 3)
    trial_folder(tmp_path, trial.number).mkdir(parents=True)
    found = work(search, tmp_path, 2)
    assert found[0].state == TrialState.FAIL and "killed 3 times" in found[0].user_attrs["error"]
    assert found[1].state == TrialState.COMPLETE
