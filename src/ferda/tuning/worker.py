"""Trains trials, one after the other.

A trial that is interrupted, by Ctrl-C or by a kill, stays a running one, and its folder keeps what was
trained; whoever works on the search next takes it over and goes on with it before a new one is drawn. One
that fails keeps its error. Of one that ended only tables and the answers of the chosen epoch are kept.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from ferda.engine.fit import fit
from ferda.engine.recipe import Recipe
from ferda.engine.run import Run
from ferda.engine.tables import GrowingTable
from ferda.errors import UserError
from ferda.methods import method_class
from ferda.tuning.claims import Claim, alone, claim
from ferda.tuning.outcome import Outcome, outcome
from ferda.tuning.pruning import falls_behind, trusted
from ferda.tuning.search import Search

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import Trial

#: A trial that was killed so often is not tried again.
_TRIES = 3
#: A search whose first trials all fail is at fault itself.
_HOPELESS = 3


@dataclass(frozen=True)
class Budget:
    """When no further trial begins.

    Attributes:
        trials: So many in all, those of earlier calls and of other machines included.
        until: Seconds since the epoch; None for no end.
    """

    trials: int
    until: float | None = None

    @property
    def is_over(self) -> bool:
        """Whether time is up."""
        return self.until is not None and time.time() >= self.until


class Worker:
    """Works on a search.

    Args:
        search: What is searched.
        study: Of the search, open.
        out: Folder of the search.
        budget: When to stop.
    """

    def __init__(self, search: Search, study: Study, out: Path, budget: Budget) -> None:
        self.search = search
        self.study = study
        self.out = out
        self.budget = budget

    def run(self, watch: Callable[[], None] = lambda: None) -> None:
        """Train until the budget is spent.

        Args:
            watch: Called when a trial has ended.

        Raises:
            UserError: If all of the first trials failed.
            KeyboardInterrupt: After Ctrl-C, when the trial was saved.
        """
        while (taken := self._next()) is not None:
            trial, held = taken
            try:
                self._train(trial)
            finally:
                held.release()
            watch()
            self._stop_if_hopeless()

    def _next(self) -> tuple[Trial, Claim] | None:
        """Take over a trial that was left, or draw one."""
        from optuna.trial import Trial, TrialState

        with alone(self.out / "draw.lock"):
            if self.budget.is_over:
                return None
            trials = self.study.get_trials(deepcopy=False)
            for left in trials:
                place = trial_folder(self.out, left.number)
                # a folder that is not here is on the machine that trains it
                if left.state == TrialState.RUNNING and place.is_dir() and (held := claim(place)) is not None:
                    return Trial(self.study, left._trial_id), held
            if sum(trial.state != TrialState.WAITING for trial in trials) >= self.budget.trials:
                return None
            trial = self.study.ask(self.search.space.distributions())
            held = claim(trial_folder(self.out, trial.number))
            assert held is not None, "a folder of a new trial is nobody's"
            return trial, held

    def _train(self, trial: Trial) -> None:
        from optuna import TrialPruned
        from optuna.trial import TrialState

        tries = int(trial.user_attrs.get("tries", 0)) + 1
        trial.set_user_attr("tries", tries)
        found: list[Outcome] = []
        try:
            if tries > _TRIES:
                raise UserError(
                    f"Its process was killed {_TRIES} times; too little memory is the usual reason."
                )
            for seed in self.search.seeds:
                found.append(self._train_once(trial, seed, [one.score for one in found]))
            score = fmean(one.score for one in found)
            if not math.isfinite(score):
                raise UserError("Its answers are not finite.")
        except KeyboardInterrupt:
            trial.set_user_attr("tries", tries - 1)  # who was asked to stop was not killed
            raise
        except TrialPruned:
            self._note(trial, [])
            self.study.tell(trial, state=TrialState.PRUNED)
        except Exception as error:  # whatever a setting brings about, the next one may do
            said = str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            trial.set_user_attr("error", " ".join(said.split()))
            self._note(trial, [])
            self.study.tell(trial, state=TrialState.FAIL)
        else:
            self._note(trial, found)
            self._judge(trial, fmean(one.trust for one in found))
            self.study.tell(trial, score)

    def _train_once(self, trial: Trial, seed: int, before: list[float]) -> Outcome:
        from optuna import TrialPruned

        recipe = self.search.trial_recipe(trial.params, seed)
        folder, stage = seed_folder(self.out, trial.number, seed), _last_stage(recipe)
        first = len(before) * (recipe.training.stage(stage).epochs + 1)
        reported = set(self.study.get_trials(deepcopy=False)[trial.number].intermediate_values)

        def report(run: Run) -> None:
            now = outcome(run, self.search.score, stage)
            if now is None or not math.isfinite(now.score) or first + now.last_epoch in reported:
                return
            trial.report(fmean([*before, now.score]), first + now.last_epoch)
            if self._falls_behind(trial):
                raise TrialPruned

        is_begun = (folder / "recipe.yaml").is_file()
        run = fit(recipe, folder, resume=is_begun, loggers=(), show=False, after_epoch=report)
        found = outcome(run, self.search.score, stage)
        assert found is not None, "a finished run has scored its epochs"
        return found

    def _falls_behind(self, trial: Trial) -> bool:
        from optuna.trial import TrialState

        if self.search.prune == "none":
            return False
        trials = self.study.get_trials(deepcopy=False)
        complete = [one for one in trials if one.state == TrialState.COMPLETE]
        others = [one.intermediate_values for one in trusted(complete, self.search.recipe.training.guard)]
        return falls_behind(trials[trial.number].intermediate_values, others)

    def _note(self, trial: Trial, found: list[Outcome]) -> None:
        """Write down what the trial took and chose, and clear its folder."""
        epochs = dict(zip(self.search.seeds, (one.epoch for one in found), strict=False))
        seconds = 0.0
        for seed in self.search.seeds:
            folder = seed_folder(self.out, trial.number, seed)
            rows = GrowingTable(folder / "journal.csv").rows
            seconds += float(rows[-1]["seconds"]) if rows else 0.0
            _clear(folder, epochs.get(seed))
        trial.set_user_attr("seconds", round(seconds, 1))
        trial.set_user_attr("epochs", list(epochs.values()))

    def _judge(self, trial: Trial, trust: float) -> None:
        """Tell the study whether the guard trusts a trial, by the best source accuracy so far."""
        others = [
            float(one.user_attrs["trust"])
            for one in self.study.get_trials(deepcopy=False)
            if "trust" in one.user_attrs
        ]
        trial.set_user_attr("trust", trust)
        lost = max([trust, *others]) - trust - self.search.recipe.training.guard
        trial.set_constraint("guard", lost)

    def _stop_if_hopeless(self) -> None:
        from optuna.trial import TrialState

        ended = [one for one in self.study.get_trials(deepcopy=False) if one.state.is_finished()]
        if len(ended) >= _HOPELESS and all(one.state == TrialState.FAIL for one in ended):
            error = ended[-1].user_attrs.get("error")
            raise UserError(f"All of the first {len(ended)} trials failed, the last one: {error}")


def trial_folder(out: Path, number: int) -> Path:
    """Return where a trial is trained.

    Args:
        out: Folder of the search.
        number: Of the trial.
    """
    return out / "trials" / f"{number:04d}"


def seed_folder(out: Path, number: int, seed: int) -> Path:
    """Return the run folder of one training of a trial.

    Args:
        out: Folder of the search.
        number: Of the trial.
        seed: Of the training.
    """
    return trial_folder(out, number) / f"seed-{seed}"


def _last_stage(recipe: Recipe) -> str:
    """The stage whose epochs are scored on the target: the one that ends a training."""
    return method_class(recipe.method.name).stages_for(recipe.method.config())[-1]


def _clear(folder: Path, epoch: int | None) -> None:
    """Remove weights, and the recorded answers of all epochs but one."""
    shutil.rmtree(folder / "candidates", ignore_errors=True)
    for file in (*folder.glob("*.safetensors"), *folder.glob("*.pt"), *folder.glob("outputs/*.npz")):
        if epoch is None or not file.name.endswith(f"_{epoch:03d}.npz"):
            file.unlink()
