"""How long a table takes, before it begins: a few real steps of each method on each pair.

A pilot trains every stage for two epochs of a few steps and scores them, in a folder that is thrown away. Its
journal says what a step takes, and what comes between two epochs; the recipe says how many there are of each.
A recipe that cannot work fails here, within minutes, and not in the night. What is finished needs no pilot:
it says itself what it took.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lightning.fabric import Fabric

from ferda.benchmarking.places import Place
from ferda.benchmarking.table import Cell, Table
from ferda.engine.domains import open_run_domains
from ferda.engine.fit import fit
from ferda.engine.recipe import Recipe
from ferda.engine.stage import open_stage
from ferda.errors import UserError
from ferda.methods import method_class

#: Steps in each of a pilot's epochs; the first is slower than the rest and not counted.
_STEPS = 4


@dataclass(frozen=True)
class Estimate:
    """What is still to be trained.

    Attributes:
        seconds: On the clock, by cell, each alone on the threads of one job.
        errors: By pair and row, why it will not work.
    """

    seconds: dict[Cell, float]
    errors: dict[tuple[str, str], str]

    def total(self, jobs: int) -> float:
        """Return the seconds of all, if nothing waits.

        Args:
            jobs: Trainings at a time.
        """
        return sum(self.seconds.values()) / jobs


def estimate(
    table: Table, out: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> Estimate:
    """Try every method on every pair that has open cells.

    Args:
        table: Checked.
        out: Its folder.
        progress: Called with pilots done and in all.
    """
    cells = [cell for cell in table.cells if Place(out, cell).state != "finished"]
    kinds = list(dict.fromkeys((cell.pair, cell.row) for cell in cells))
    took: dict[tuple[str, str], float] = {}
    errors: dict[tuple[str, str], str] = {}
    with TemporaryDirectory() as scratch:
        for done, (pair, row) in enumerate(kinds):
            progress(done, len(kinds))
            if (known := _known(table, out, pair, row)) is not None:
                took[pair, row] = known
                continue
            try:
                took[pair, row] = _pilot(table, Path(scratch), Cell(pair, row, table.seeds[0]))
            except UserError as error:
                errors[pair, row] = str(error)
        progress(len(kinds), len(kinds))
    return Estimate({c: took[c.pair, c.row] for c in cells if (c.pair, c.row) in took}, errors)


def _known(table: Table, out: Path, pair: str, row: str) -> float | None:
    places = [Place(out, Cell(pair, row, seed)) for seed in table.seeds]
    costs = [place.cost for place in places if place.state == "finished"]
    seconds = [cost.seconds for cost in costs if cost is not None]
    return sum(seconds) / len(seconds) if seconds else None


def _pilot(table: Table, scratch: Path, cell: Cell) -> float:
    """Return the seconds that a cell will take."""
    row = table.methods[cell.row]
    kind = method_class(row.name or cell.row)
    start = None
    if kind.needs.source_model and row.start is not None:
        before = Cell(cell.pair, row.start, cell.seed)
        start = Place(scratch, before).folder
        if not start.exists():
            _pilot(table, scratch, before)
    whole = table.recipe(cell, start)
    begun = time.monotonic()
    run = fit(_shortened(whole), Place(scratch, cell).folder, show=False)
    wall = time.monotonic() - begun
    journal, steps = run.journal, _steps(whole, scratch)
    seconds = max(0.0, wall - float(journal["seconds"].iloc[-1]))  # opening, and the last scores
    for stage, rows in journal.groupby("stage", sort=False):
        gaps = rows["seconds"].diff()
        is_first = rows["epoch"].diff() != 0
        step = float(gaps[~is_first].median())
        between = max(0.0, float(gaps[is_first].max()) - step)
        seconds += steps[str(stage)] * step + (whole.training.stage(str(stage)).epochs - 1) * between
    return seconds


def _shortened(recipe: Recipe) -> Recipe:
    short: dict[str, Any] = {"epochs": 2, "epoch_steps": _STEPS}
    stages = {name: {**given, **short} for name, given in recipe.training.stages.items()}
    start = recipe.training.start if method_class(recipe.method.name).needs.source_model else None
    return recipe.override(training={**short, "stages": stages, "log_every": 1, "start": start})


def _steps(recipe: Recipe, scratch: Path) -> dict[str, int]:
    """Return the steps of each stage in the whole training."""
    kind = method_class(recipe.method.name)
    domains = open_run_domains(recipe.data, kind.needs, lambda said: None)
    method = kind(recipe.method.config(), len(recipe.data.classes), max(len(domains.sources), 1))
    fabric = Fabric(accelerator="cpu", devices=1)
    stages = [open_stage(fabric, recipe, method, domains, scratch, n) for n in range(len(method.stages))]
    return {stage.name: stage.steps for stage in stages}
