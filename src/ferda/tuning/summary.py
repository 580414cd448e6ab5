"""What a search has shown: a line for each trial, the best one, and what speaks against believing it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.engine.recipe import Recipe
from ferda.selection import comparison
from ferda.selection.choose import choose
from ferda.tuning.claims import claim
from ferda.tuning.pruning import trusted
from ferda.tuning.scores import trained_on
from ferda.tuning.search import Search
from ferda.tuning.space import Setting
from ferda.tuning.worker import seed_folder, trial_folder

if TYPE_CHECKING:
    from optuna.study import Study
    from optuna.trial import FrozenTrial

#: How near to an end of its range, as a share of it, the best value speaks for a wider one.
_EDGE = 0.05
_STATES = {"COMPLETE": "finished", "PRUNED": "ended early", "FAIL": "failed", "RUNNING": "running"}


@dataclass(frozen=True, eq=False)
class Summary:
    """What a search has shown so far.

    Attributes:
        search: What was searched.
        trials: One line a trial: `trial`, `state`, `score` (of what finished), `source_accuracy` (1 or 0
            without source faces), `agreement`, `epochs`, `seconds`, `error`, and a column for each setting,
            choices of a list as text.
        best: Number of the best trial that the guard trusts; None if none is finished.
        recipe: What that trial trained, with the first seed; None likewise.
        own: Number of the trial with the recipe's own settings; None if it is not finished.
        importance: Share of each setting in how scores differ, the largest first; empty if too few tell.
        remarks: Sentences.
    """

    search: Search
    trials: pd.DataFrame
    best: int | None
    recipe: Recipe | None
    own: int | None
    importance: dict[str, float]
    remarks: tuple[str, ...]

    def line(self, trial: int) -> dict[str, Any]:
        """Return the line of a trial.

        Args:
            trial: Its number.
        """
        found = self.trials[self.trials["trial"] == trial].iloc[0]
        return {str(name): value for name, value in found.items()}


def summarise(search: Search, study: Study, out: Path) -> Summary:
    """Look at all trials of a search.

    Args:
        search: What was searched.
        study: Of the search, open.
        out: Its folder.
    """
    from optuna.trial import TrialState

    found = [trial for trial in study.get_trials(deepcopy=False) if trial.state != TrialState.WAITING]
    complete = [trial for trial in found if trial.state == TrialState.COMPLETE]
    best = recipe = None
    if complete:
        scores, trusts = zip(*((one.value or 0.0, one.user_attrs["trust"]) for one in complete), strict=True)
        chosen = complete[choose(scores, trusts, search.recipe.training.guard)]
        best, recipe = chosen.number, search.trial_recipe(chosen.params, search.seeds[0])
    own_values = search.space.own_values(search.recipe)
    own = next((one.number for one in complete if one.params == own_values), None)
    agreement = _agreement(search, out, complete)
    trials = pd.DataFrame([_line(search, out, one, agreement) for one in found], columns=_columns(search))
    remarks = () if best is None else tuple(_remarks(search, trials, best, own))
    return Summary(search, trials, best, recipe, own, _importance(study, complete), remarks)


def _columns(search: Search) -> list[str]:
    facts = ["trial", "state", "score", "source_accuracy", "agreement", "epochs", "seconds", "error"]
    return facts + [setting.key for setting in search.space.settings]


def _line(search: Search, out: Path, trial: FrozenTrial, agreement: dict[int, float]) -> dict[str, Any]:
    from optuna.trial import TrialState

    facts = trial.user_attrs
    state = _STATES[trial.state.name]
    place = trial_folder(out, trial.number)
    # a folder that is not here is on the machine that trains it
    if trial.state == TrialState.RUNNING and place.is_dir() and (held := claim(place)) is not None:
        held.release()
        state = "interrupted"
    return {
        "trial": trial.number,
        "state": state,
        "score": trial.value if trial.state == TrialState.COMPLETE else None,
        "source_accuracy": facts.get("trust"),
        "agreement": agreement.get(trial.number),
        "epochs": " ".join(map(str, facts.get("epochs", ()))),
        "seconds": facts.get("seconds"),
        "error": facts.get("error", ""),
        # as text: a column of numbers turns 1 into 1.0, and None into no number
        **{
            one.key: str(trial.params[one.key]) if one.range is None else trial.params[one.key]
            for one in search.space.settings
        },
    }


def _agreement(search: Search, out: Path, complete: Sequence[FrozenTrial]) -> dict[int, float]:
    """Return each trusted trial's share of faces on which it agrees with their mean: a second opinion."""
    said = {}
    for trial in trusted(complete, search.recipe.training.guard):
        recorded = [_recorded(seed_folder(out, trial.number, seed)) for seed in search.seeds]
        if known := [answers for answers in recorded if answers is not None]:
            said[trial.number] = np.mean(known, axis=0)
    if len(said) < 3:
        return {}
    return dict(zip(said, comparison("ensv").compare(list(said.values())), strict=True))


def _recorded(folder: Path) -> NDArray[Any] | None:
    """Answers of the chosen epoch for the watched faces; None if the trial was trained on another machine."""
    for file in folder.glob("outputs/*.npz"):
        with np.load(file) as stored:
            return np.asarray(stored["probabilities"])
    return None


def _importance(study: Study, complete: Sequence[FrozenTrial]) -> dict[str, float]:
    import optuna

    if len({trial.value for trial in complete}) < 4:
        return {}
    return {name: float(share) for name, share in optuna.importance.get_param_importances(study).items()}


def _remarks(search: Search, trials: pd.DataFrame, best: int, own: int | None) -> list[str]:
    line = trials[trials["trial"] == best].iloc[0]
    said = [sentence] if (sentence := trained_on(search.recipe, search.score)) else []
    if own is not None and best == own:
        said.append("No trial beats the recipe as it is.")
    if trials["agreement"].notna().any():
        other = trials.sort_values("agreement", ascending=False, kind="stable").iloc[0]
        if other["agreement"] > line["agreement"]:
            said.append(
                f"Trial {other['trial']} agrees most with all of them, on {other['agreement']:.1%} of "
                f"the faces; the best one by '{search.score}' on {line['agreement']:.1%}."
            )
    for setting in search.space.settings:
        if end := _end(setting, line[setting.key]):
            said.append(
                f"The best value of {setting.key} lies at the {end} end of its range: search further."
            )
    return said


def _end(setting: Setting, value: Any) -> str:
    if setting.range is None:
        return ""
    low, high, value = (
        (float(np.log(number)) if setting.range.log else float(number))
        for number in (setting.range.low, setting.range.high, value)
    )
    place = (value - low) / (high - low)
    return "lower" if place <= _EDGE else "upper" if place >= 1 - _EDGE else ""
