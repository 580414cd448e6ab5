"""`ferda tune`: search settings that adapt better, judged without a label of the target."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ferda.cli.screen import AsJson, counting, remark, say, show_json, show_table

if TYPE_CHECKING:
    from optuna.study import Study

    from ferda.engine.recipe import Recipe
    from ferda.tuning.search import Search
    from ferda.tuning.summary import Summary
    from ferda.tuning.tune import Watch


def tune(
    method: Annotated[
        str, typer.Argument(help="A method ('ferda methods' lists them) or your own .py file.")
    ],
    sources: Annotated[
        list[str] | None, typer.Option("--sources", help="Labelled domains, as for 'ferda fit'.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="The domain to adapt to. Its labels are never read.")
    ] = None,
    start: Annotated[
        str | None, typer.Option("--start", help="A run whose weights every trial starts from.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option("--recipe", help="A recipe by name or path; the method's own by default.")
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Changes to the recipe of all trials.")
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option(
            "--space", help="YAML file of what is searched; by default the rate and the losses' weights."
        ),
    ] = None,
    score: Annotated[
        str,
        typer.Option(
            "--score",
            help="What ranks trials: im, bnm, class_ami, dev, entropy, rankme, snd, source_accuracy or "
            "source_rmse.",
        ),
    ] = "im",
    trials: Annotated[
        int, typer.Option("--trials", min=1, help="In all, those of earlier calls included.")
    ] = 20,
    hours: Annotated[
        float | None, typer.Option("--hours", min=0, help="After which no further trial begins.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seeds", help="One training each in every trial; 0 by default.")
    ] = None,
    prune: Annotated[
        str,
        typer.Option("--prune", help="median ends trials that are worse than most were so far; or none."),
    ] = "median",
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trials at a time.")] = 1,
    gpus: Annotated[
        list[str] | None, typer.Option("--gpus", help="CUDA devices to deal to the jobs, for instance 0 1.")
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            "--storage",
            envvar="FERDA_STORAGE",
            help="Address of a data base for machines that share no folder.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the search; runs/tune-METHOD by default.")
    ] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would be searched, and stop.")] = False,
    as_json: AsJson = False,
) -> None:
    """Search settings of METHOD; write best.yaml, trials.csv and tune.html.

    Trials are ranked by a score that needs no label of the target. The same command goes on where it stopped.
    """
    from ferda.engine.recipe import recipe_for
    from ferda.tuning.scores import trained_on
    from ferda.tuning.tune import plan_search
    from ferda.tuning.tune import tune as run

    whole = recipe_for(
        method, recipe, sources=sources or (), target=target, start=start, changes=changes or ()
    )
    _check_download(whole)
    rules: dict[str, Any] = {"score": score, "seeds": seeds or (0,), "prune": prune}
    search = plan_search(whole, space, **rules)
    if plan:
        _show_plan(search, as_json)
        return
    if warning := trained_on(whole, score):
        remark(warning)
    folder = Path("runs") / f"tune-{Path(method).stem}" if out is None else out
    with _watched(trials) as watch:
        summary = run(
            whole,
            folder,
            space=space,
            **rules,
            trials=trials,
            hours=hours,
            jobs=jobs,
            gpus=gpus or (),
            storage=storage,
            watch=watch,
        )
    _show(summary, folder, as_json)


def _check_download(recipe: Recipe) -> None:
    """Nothing is fetched unless a command says so, and this one cannot."""
    from ferda.errors import UserError

    if getattr(recipe.method.config(), "backbone_options", {}).get("download"):
        raise UserError(
            "The recipe fetches weights from the internet, which a search does not; give their file with "
            "--set method.weights=FILE."
        )


def _show_plan(search: Search, as_json: bool) -> None:
    import yaml

    if as_json:
        show_json({"space": search.space.raw, "recipe": search.recipe.to_dict()})
    else:
        say(yaml.safe_dump({"space": search.space.raw}, sort_keys=False).rstrip())


@contextmanager
def _watched(total: int) -> Iterator[Watch]:
    """Draw a bar over all trials, and tell of each that ends now."""
    seen: set[int] | None = None
    with counting("trials") as progress:

        def watch(study: Study) -> None:
            nonlocal seen
            ended = [one for one in study.get_trials(deepcopy=False) if one.state.is_finished()]
            for trial in ended:
                if seen is not None and trial.number not in seen:
                    pruned = "ended early" if trial.state.name == "PRUNED" else ""
                    said = trial.user_attrs.get("error") or pruned or f"{trial.value:.4g}"
                    remark(f"trial {trial.number}: {said}")
            seen = {trial.number for trial in ended}
            progress(len(ended), total)

        yield watch


def _show(summary: Summary, folder: Path, as_json: bool) -> None:
    if as_json:
        best = None if summary.recipe is None else summary.recipe.to_dict()
        facts = {"best": summary.best, "recipe": best, "importance": summary.importance}
        show_json({**facts, "remarks": summary.remarks, "trials": summary.trials})
    else:
        keys = [setting.key for setting in summary.search.space.settings]
        columns = ["trial", "state", "score", "source_accuracy", "agreement", *keys]
        order = summary.trials.sort_values("score", ascending=False, na_position="last")
        show_table(columns, order[columns].itertuples(index=False), title=f"best: trial {summary.best}")
    for sentence in summary.remarks:
        remark(sentence)
    remark(f"The course is in {folder / 'tune.html'}")
    method = summary.search.recipe.method.name
    remark(f"Train the best with: ferda fit {method} --recipe {folder / 'best.yaml'} --out RUN")
