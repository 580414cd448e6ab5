"""`ferda reproduce`: a published number, trained again from the recipe, and how far it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferda.cli.screen import AsJson, remark, say, show_json, show_table

if TYPE_CHECKING:
    from ferda.benchmarking.reproduce import Reproduction
    from ferda.benchmarking.reproducible import PublishedCell
    from ferda.benchmarking.runner import Event
    from ferda.benchmarking.table import Cell

#: How rows of the answer are called.
_RULES = {
    "chosen": "chosen without test labels",
    "last": "last epoch",
    "by_source": "best on held-out source faces",
    "oracle": "oracle: chosen by test labels",
}


def reproduce(
    cell: Annotated[
        str | None,
        typer.Argument(help="A published result, or the beginning of its name; without one all are listed."),
    ] = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="Packs of data sets: raf-db=packs/raf-db sfew=...")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option("--weights", help="Start weights that the paper began with.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--start", help="Run to start from, where the paper did so.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="Changes to the recipe; they are told beside the result."),
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option("--seeds", help="One training each; 0 by default.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Trainings at a time.")] = 1,
    gpus: Annotated[
        list[str] | None, typer.Option("--gpus", help="CUDA devices to deal to the jobs, for instance 0 1.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the trainings; runs/reproduce/CELL by default.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List published results that can be trained again; or train CELL and say how far it is.

    The same command goes on where it stopped.
    """
    from ferda.benchmarking.reproduce import reproduce as run
    from ferda.benchmarking.reproducible import all_cells, find_cells

    found = all_cells() if cell is None else find_cells(cell)
    if not data:
        _list(found, as_json)
        return
    one = _only(found)
    folder = Path("runs") / "reproduce" / one.name.replace("/", "-") if out is None else out

    def watch(training: Cell, event: Event) -> None:
        remark(f"seed {training.seed}: {event}")

    done = run(
        one,
        _named(data),
        folder,
        weights=None if weights is None else str(weights),
        start=None if start is None else str(start),
        changes=changes or (),
        seeds=seeds or (0,),
        jobs=jobs,
        gpus=gpus or (),
        watch=watch,
    )
    _show(done, as_json)
    remark(f"The report is in {folder / 'report.html'}")


def _only(found: list[PublishedCell]) -> PublishedCell:
    from ferda.errors import UserError

    if len(found) > 1:
        names = ", ".join(cell.name for cell in found[:6])
        raise UserError(
            f"{len(found)} results are called so; name one: {names}{', ...' if len(found) > 6 else ''}."
        )
    return found[0]


def _named(data: list[str]) -> dict[str, str]:
    from ferda.errors import UserError

    pairs = [one.partition("=") for one in data]
    if wrong := next((name for name, sign, place in pairs if not sign or not place), None):
        raise UserError(f"--data takes NAME=PACK, for instance raf-db=packs/raf-db; got '{wrong}'.")
    return {name: place for name, _, place in pairs}


def _list(cells: list[PublishedCell], as_json: bool) -> None:
    from ferda.benchmarking.reproducible import reasons

    rows = [
        (cell.name, cell.accuracy, cell.chosen_by, cell.recipe, " ".join(one.name for one in cell.data_sets))
        for cell in cells
    ]
    names = ("result", "accuracy", "chosen_by", "recipe", "needs")
    if as_json:
        listed = [dict(zip(names, row, strict=True)) for row in rows]
        places = [{**line, "place": cell.place} for line, cell in zip(listed, cells, strict=True)]
        show_json({"results": places, "missing": reasons()})
        return
    # as text: a table shows three digits of a number, papers have two
    shown = [
        (name, f"{accuracy:.2f}", rule.removesuffix(" labels"), *rest) for name, accuracy, rule, *rest in rows
    ]
    show_table(("result", "%", "chosen by", "recipe", "needs"), shown)
    remark("Train one with: ferda reproduce RESULT --data NAME=PACK ...")
    for method, why in reasons().items():
        remark(f"not here: {method}: {why}")


def _show(done: Reproduction, as_json: bool) -> None:
    cell = done.cell
    ours = {name: done.mean(rule) for rule, name in _RULES.items()}
    if as_json:
        facts = {"result": cell.name, "published": cell.accuracy, "place": cell.place}
        facts |= {"chosen_by": cell.chosen_by, "published_last": cell.last}
        means = {rule: done.mean(rule) for rule in _RULES}
        trainings = [vars(one) for one in done.trainings]
        show_json(
            {
                **facts,
                "ours": means,
                "compared": done.rule,
                "difference": done.difference,
                "trainings": trainings,
                "differs": done.differs,
            }
        )
        return
    rows = [(f"published, chosen by {cell.chosen_by}", cell.accuracy)]
    rows += [] if cell.last is None else [("published, last epoch", cell.last)]
    rows += [(f"ours, {name}", value) for name, value in ours.items() if value is not None]
    show_table((cell.name, "%"), [(name, f"{value:.2f}") for name, value in rows], title=cell.place)
    if done.difference is not None:
        say(f"Difference: {done.difference:+.2f} points (ours, {_RULES[done.rule]}, less published).")
    say("What differs:")
    for sentence in done.differs:
        say(f"- {sentence}")
