"""`ferda.tune`: from a recipe and a space to a better recipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ferda.engine.domains import open_run_domains
from ferda.engine.leak_guard import with_excluded
from ferda.engine.recipe import Recipe, recipe_for
from ferda.engine.scoring import Scorer
from ferda.engine.start import with_start
from ferda.errors import UserError
from ferda.evaluation.page import write_text
from ferda.methods import method_class
from ferda.tuning.default_space import default_space
from ferda.tuning.page import write_search_page
from ferda.tuning.processes import run_workers
from ferda.tuning.scores import check_score
from ferda.tuning.search import Prune, Search, begin_search
from ferda.tuning.space_reading import read_space
from ferda.tuning.study import open_study
from ferda.tuning.summary import Summary, summarise
from ferda.tuning.worker import Budget, Worker

if TYPE_CHECKING:
    from optuna.study import Study

#: Called with Optuna's study whenever trials may have ended.
Watch = Callable[["Study"], None]


def tune(
    recipe: Recipe | str,
    out: str | Path,
    *,
    sources: Sequence[str | Path] = (),
    target: str | Path | None = None,
    start: str | Path | None = None,
    changes: Sequence[str] = (),
    space: str | Path | Mapping[str, Any] | None = None,
    score: str = "im",
    trials: int = 20,
    hours: float | None = None,
    seeds: Sequence[int] = (0,),
    prune: Prune = "median",
    jobs: int = 1,
    gpus: Sequence[str] = (),
    storage: str | None = None,
    watch: Watch = lambda study: None,
) -> Summary:
    """Search settings of a recipe that adapt best to a target, judged without a label of it.

    Calling it again goes on; several processes, also on machines that share the folder or the data base,
    share the work.

    Args:
        recipe: What to train: a recipe, or the name of a method.
        out: Folder of the search; gets `best.yaml`, `trials.csv` and `tune.html`.
        sources: Labelled domains, if `recipe` is a name.
        target: Domain to adapt to, if `recipe` is a name.
        start: Run or weights file to start from, if `recipe` is a name.
        changes: `a.b=value` changes to the recipe, if `recipe` is a name.
        space: What is searched: a YAML file with the table `space`, or that table; None searches the learning
            rate and the weights of the losses.
        score: Validator that ranks the trials and chooses the epoch of each.
        trials: In all, those of earlier calls included.
        hours: After which no trial begins; None for no end.
        seeds: One training each in every trial.
        prune: `median` ends a trial that is worse than most were at the same epoch, `none` lets all finish.
        jobs: Trials at a time, each a process of its own.
        gpus: CUDA devices to deal to the jobs in turn.
        storage: Address of a data base that keeps the study; None keeps it in the folder.
        watch: Called with Optuna's study before the first trial and whenever some may have ended.

    Returns:
        The trials; `best` is the number of the best one.

    Raises:
        UserError: If the recipe, the space, the score or the data is not as it must be, or all trials fail.
        KeyboardInterrupt: After Ctrl-C, when every trial was saved and the results so far were written.
    """
    if isinstance(recipe, str):
        recipe = recipe_for(recipe, sources=sources, target=target, start=start, changes=changes)
    elif sources or target is not None or start is not None or changes:
        raise ValueError("sources, target, start and changes go with a method's name")
    search = plan_search(recipe, space, score=score, seeds=seeds, prune=prune)
    check_domains(search)
    folder = Path(out)
    begin_search(search, folder)
    study = open_study(search, folder, storage)
    watch(study)
    budget = Budget(trials, None if hours is None else time.time() + 3600 * hours)
    try:
        if jobs > 1 or gpus:
            run_workers(folder, budget, jobs=jobs, gpus=gpus, storage=storage, watch=lambda: watch(study))
        else:
            Worker(search, study, folder, budget).run(lambda: watch(study))
    finally:
        summary = write_search(summarise(search, study, folder), folder)
    if summary.best is None:
        raise UserError(f"No trial of {folder} is finished; see the column 'error' of trials.csv.")
    return summary


def plan_search(
    recipe: Recipe,
    space: str | Path | Mapping[str, Any] | None,
    *,
    score: str = "im",
    seeds: Sequence[int] = (0,),
    prune: Prune = "median",
) -> Search:
    """Check what is asked for, as far as no picture is needed.

    Args:
        recipe: What every trial is made from.
        space: As for `tune`.
        score: As for `tune`.
        seeds: As for `tune`.
        prune: As for `tune`.

    Raises:
        UserError: If the recipe, the space or the score is not as it must be.
    """
    check_score(score)
    if recipe.data.target is None:
        raise UserError("A search needs the faces to adapt to; name them with --target.")
    whole = with_excluded(with_start(recipe))
    found = read_space(default_space(whole) if space is None else space, whole)
    return Search(whole, found, score, tuple(seeds), prune)


def check_domains(search: Search) -> None:
    """Open the domains once, so that what is missing is told before anything is trained.

    Args:
        search: Checked.

    Raises:
        UserError: If a domain is missing, or does not allow the score.
    """
    recipe = search.recipe
    kind = method_class(recipe.method.name)
    domains = open_run_domains(recipe.data, kind.needs, lambda said: None)
    limit = recipe.training.score_rows
    Scorer(domains.holdouts, domains.target, domains.watch, domains.preprocessing, limit).check(search.score)


def write_search(summary: Summary, out: Path) -> Summary:
    """Write `trials.csv` and, if a trial is finished, `best.yaml` and `tune.html`.

    Args:
        summary: What the search has shown.
        out: Its folder.

    Raises:
        UserError: If a file cannot be written.
    """
    write_text(out / "trials.csv", summary.trials.to_csv(index=False))
    if summary.best is not None and summary.recipe is not None:
        score, found = summary.search.score, summary.line(summary.best)["score"]
        header = f"# Trial {summary.best} of a search by ferda: {score} {found:.6g}.\n"
        write_text(out / "best.yaml", header + summary.recipe.to_yaml())
        write_search_page(out / "tune.html", summary)
    return summary
