"""Trains a published result again and says how far it is.

The number of the paper is an accuracy whose epoch, more often than not, the test labels chose. So ours stands
there twice: of the epoch that was chosen without them, and, as oracle, of the epoch that they would have
chosen by accuracy, which is what the paper's number compares with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ferda.benchmarking.benchmark import benchmark
from ferda.benchmarking.places import Place
from ferda.benchmarking.reading import parse_table
from ferda.benchmarking.reproducible import PublishedCell
from ferda.benchmarking.runner import Watch
from ferda.data.datasets import known_name
from ferda.engine.domains import open_watched
from ferda.errors import UserError
from ferda.evaluation.oracle import recorded_epochs

_PAIR = "cell"


@dataclass(frozen=True)
class Repeated:
    """One training of a cell, accuracies in per cent.

    Attributes:
        seed: Of the training.
        chosen: Of the epoch that was chosen without target labels.
        last: Of the last epoch.
        oracle: Of the epoch that the test labels like best.
        by_source: Of the epoch that knows held-out source faces best; None if none were held out.
        faces: How many faces were tested.
    """

    seed: int
    chosen: float
    last: float
    oracle: float
    by_source: float | None
    faces: int


@dataclass(frozen=True)
class Reproduction:
    """A published number beside ours.

    Attributes:
        cell: What was published.
        trainings: Ours, one a seed.
        differs: What is known to differ from the paper's training, in sentences.
    """

    cell: PublishedCell
    trainings: tuple[Repeated, ...]
    differs: tuple[str, ...]

    @property
    def rule(self) -> str:
        """Which of ours was chosen as the paper's number was."""
        if self.cell.chosen_by.startswith("source"):
            return "by_source"
        return "chosen" if self.cell.chosen_by.startswith("validation") else "oracle"

    def mean(self, rule: str) -> float | None:
        """Return the mean accuracy over seeds, per cent; None if a training has none.

        Args:
            rule: `chosen`, `last`, `oracle` or `by_source`.
        """
        values = [getattr(one, rule) for one in self.trainings]
        return None if any(value is None for value in values) else float(np.mean(values))

    @property
    def difference(self) -> float | None:
        """Ours, chosen as theirs was, less the published number, in points."""
        ours = self.mean(self.rule)
        return None if ours is None else ours - self.cell.accuracy


def reproduce(
    cell: PublishedCell,
    data: Mapping[str, str],
    out: Path,
    *,
    weights: str | None = None,
    start: str | None = None,
    changes: Sequence[str] = (),
    seeds: Sequence[int] = (0,),
    jobs: int = 1,
    gpus: Sequence[str] = (),
    watch: Watch = lambda one, event: None,
) -> Reproduction:
    """Train a cell again, or go on with it, and measure it as the paper did.

    Args:
        cell: What to train.
        data: Packs by data set, as `ferda datasets` names them.
        out: Folder of the trainings.
        weights: Start weights; None trains without, which is told.
        start: Run to start from; None trains without, which is told.
        changes: `a.b=value` changes to the recipe, which are told.
        seeds: One training each.
        jobs: Trainings at a time.
        gpus: CUDA devices to deal to the jobs in turn.
        watch: Called, from any thread, whenever a training begins or ends.

    Raises:
        UserError: If data are missing, a change is a mistake, or a training failed.
        KeyboardInterrupt: After Ctrl-C, when every training has saved itself.
    """
    given = [*changes]
    given += [] if weights is None else [f"method.weights={weights}"]
    table = table_of(cell, data, seeds, given, start)
    summary = benchmark(table, out, jobs=jobs, gpus=gpus, watch=watch)
    if summary.missing:
        first = next(iter(summary.missing.values())) or "it was not trained"
        raise UserError(f"{len(summary.missing)} trainings of {cell.name} are missing: {first}")
    places = [Place(out, one) for one in parse_table(table).cells]
    trainings = tuple(_measure(place) for place in places)
    notes = _notes(cell, trainings, weights, start, changes)
    return Reproduction(cell, trainings, tuple(notes))


def table_of(
    cell: PublishedCell,
    data: Mapping[str, str],
    seeds: Sequence[int],
    changes: Sequence[str] = (),
    start: str | None = None,
) -> dict[str, Any]:
    """Return the table of trainings that a cell is made from.

    Args:
        cell: What to train.
        data: Packs by data set.
        seeds: One training each.
        changes: `a.b=value` changes to the recipe.
        start: Run to start from.

    Raises:
        UserError: If data are missing; says what to prepare.
    """
    places = _places(cell, data)
    raw = cell.full_recipe(changes).to_dict()
    method = raw.pop("method")
    for key in ("sources", "target", "watch"):
        raw["data"].pop(key)
    raw["training"] |= {} if start is None else {"start": start}
    target = places[cell.target.name]
    pair = {
        "sources": [f"{places[one.name]}@train" for one in cell.sources],
        "target": f"{target}{cell.target.adapts}",
        "test": f"{target}{cell.target.test}",
    }
    row = {"name": method.pop("name"), "method": method, **raw}
    return {
        "title": f"{cell.name}, published {cell.accuracy:.2f} %",
        "seeds": list(seeds),
        "base": "bare",
        "baseline": cell.method,
        "pairs": {_PAIR: pair},
        "methods": {cell.method: row},
    }


def _places(cell: PublishedCell, data: Mapping[str, str]) -> dict[str, str]:
    """Packs by ferda's name of their data set."""
    found = {}
    for typed, place in data.items():
        name = known_name(typed)
        if name is None:
            raise UserError(
                f"--data {typed}={place}: there is no data set '{typed}'; 'ferda datasets' lists them."
            )
        found[name] = place
    missing = [one.name for one in cell.data_sets if one.name not in found]
    if missing:
        how = "; ".join(f"ferda prepare {name} --root FOLDER --out packs/{name}" for name in missing)
        add = " ".join(f"{name}=packs/{name}" for name in missing)
        raise UserError(
            f"{cell.name} needs {' and '.join(missing)}: prepare it ({how}) and add --data {add}."
        )
    return found


def _measure(place: Place) -> Repeated:
    """Accuracies of a finished training, by each rule that may choose its epoch."""
    recipe, scores = place.run.recipe, place.run.scores
    stage = scores["stage"].iloc[-1]
    rows = scores[scores["stage"] == stage].set_index("epoch")
    test = open_watched(recipe.data)
    assert test is not None, "a cell has a target"
    recorded = [one for one in recorded_epochs(place.folder, test) if one.stage == stage]
    found, faces = {}, 0
    for one in recorded:
        known = one.truth >= 0
        found[one.epoch] = 100 * float(np.mean(one.probabilities[known].argmax(1) == one.truth[known]))
        faces = int(known.sum())
    by_source = None
    if "source_accuracy" in rows and rows["source_accuracy"].notna().any():
        by_source = found[int(rows["source_accuracy"].idxmax())]
    chosen = int(rows.index[rows["selected"].notna()][-1])
    return Repeated(place.cell.seed, found[chosen], found[max(found)], max(found.values()), by_source, faces)


def _notes(
    cell: PublishedCell,
    trainings: Sequence[Repeated],
    weights: str | None,
    start: str | None,
    changes: Sequence[str],
) -> list[str]:
    said = []
    if cell.weights and weights is None:
        said.append(f"theirs started from {cell.weights}, ours from chance: give the file with --weights")
    if cell.start and start is None:
        said.append(f"theirs started from {cell.start}, ours did not: give its run with --start")
    said += [f"you changed {change}" for change in changes]
    faces = trainings[0].faces
    if cell.test_faces is not None and cell.test_faces != faces:
        said.append(f"{faces:,} faces were tested here, {cell.test_faces:,} there")
    if cell.chosen_by.startswith("source"):
        said.append(
            "their epoch was chosen by macro recall on the source's test part, ours by held-out source faces"
        )
    said.append("sources keep a part of their training faces for choosing, theirs were all learned from")
    seeds = ", ".join(str(one.seed) for one in trainings)
    said.append(f"seeds here: {seeds}; theirs are not known")
    return [*said, *cell.differs]
