"""What a choice without labels costs: every validator's regret on finished cells of `real_pairs.py`.

    python benchmarks/validators.py --runs runs/real_pairs

Nothing is trained. For every finished cell the epochs of the last stage are scored on the test rows (the
packs beside the cells have the labels), and each validator chooses among them, by what the run wrote into
`scores.csv` about faces it was trained on. A cell that is older than a validator has no such column; where it
needs probabilities alone, it is computed from those that the run recorded for the watched faces, without
their labels (`from_watched`). The regret is the macro recall that the chosen epoch lacks of the best epoch.

The second question is the choice between runs: of the checkpoints that all methods kept for one pair and
seed, which one would a validator take? Here all of them look at the watched faces.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from about import about
from real_pairs import CLASSES, SCORED, measured

from ferda.data.domain import open_domain
from ferda.engine.run import Run
from ferda.selection import comparison, list_validators, validator
from ferda.selection.choose import choose
from ferda.selection.collapse import trust
from ferda.selection.outputs import EpochOutputs

ALONE = ("bnm", "entropy", "im", "snd")  # need the probabilities of one checkpoint, and no more


def main() -> None:
    """Read all finished cells and write JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=Path("runs/real_pairs"))
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "validators.json")
    wanted = parser.parse_args()
    found = sorted(folder.parts[-4:-1] for folder in wanted.runs.glob("*-*/*/*/finished"))
    if not found:
        print(f"{wanted.runs} holds no finished cell of real_pairs.py: give their folder with --runs.")
        return
    cells = [Cell(wanted.runs, *names) for names in found]
    facts = about("python benchmarks/validators.py --runs FOLDER")
    result = {"about": facts, "cells": [cell.regrets() for cell in cells], "between_runs": between(cells)}
    wanted.json.parent.mkdir(parents=True, exist_ok=True)
    wanted.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"{len(cells)} cells in {wanted.json}")


class Cell:
    """One finished training: what it recorded, and how good its epochs are.

    Args:
        runs: Folder of the cells and of `packs`.
        pair: `SOURCE-TARGET`.
        method: Its name in `real_pairs.yaml`.
        seed: As text.
    """

    def __init__(self, runs: Path, pair: str, method: str, seed: str) -> None:
        self.pair, self.method, self.seed = pair, method, int(seed)
        run, target = Run(runs / pair / method / seed), pair.split("-")[1]
        test = open_domain(f"{runs / 'packs' / target}@test", CLASSES)
        truth = pd.Series(test.labels(), index=test.rows)
        scored = [CLASSES.index(name) for name in SCORED[target]]
        scores = run.scores
        self.scores = scores[scores["stage"] == scores["stage"].iloc[-1]].reset_index(drop=True)
        self.guard = run.recipe.training.guard
        self.kept = int(self.scores["selected"].notna().to_numpy().argmax())
        self.said: list[np.ndarray] = []
        self.measured: list[dict[str, Any]] = []
        for row in self.scores.itertuples():
            with np.load(run.folder / "outputs" / f"{row.stage}_{row.epoch:03d}.npz") as stored:
                rows, probabilities = stored["rows"], stored["probabilities"]
            self.said.append(probabilities)
            self.measured.append(measured(truth.reindex(rows).to_numpy(), probabilities, scored))

    @property
    def recalls(self) -> list[float]:
        """Macro recall of each epoch on the test rows."""
        return [one["macro_recall"] for one in self.measured]

    def regrets(self) -> dict[str, Any]:
        """Return what each validator would have chosen, with the run's guard and without one."""
        columns = {
            name: self.scores[name].to_numpy(float) for name in list_validators() if name in self.scores
        }
        watched = {name: [alone(name, said) for said in self.said] for name in ALONE}
        watched["ensv"] = comparison("ensv").compare(self.said)
        late = sorted(watched.keys() - columns.keys())
        columns |= {name: np.array(watched[name]) for name in late}
        epochs = [row.dropna().to_dict() for _, row in self.scores.iterrows()]
        trusted = [trust(epoch, epochs[0]) for epoch in epochs]
        best, last = max(self.recalls), len(self.recalls) - 1
        chosen = {}
        for name, values in [*columns.items(), ("last", np.arange(last + 1.0))]:
            place = last if name == "last" else choose(values, trusted, self.guard)
            freely = choose(values, trusted, 1.0)
            chosen[name] = {
                "epoch": int(self.scores["epoch"][place]),
                "macro_recall": self.recalls[place],
                "accuracy": self.measured[place]["accuracy"],
                "regret": best - self.recalls[place],
                "regret_without_guard": best - self.recalls[freely],
                "rank_correlation": rank_correlation(values, self.recalls),
            }
        return {
            "pair": self.pair,
            "method": self.method,
            "seed": self.seed,
            "epochs": last + 1,
            "oracle": best,
            "regret_of_any": best - float(np.mean(self.recalls)),
            "from_watched": late,
            "chosen": chosen,
        }


def alone(name: str, said: np.ndarray) -> float:
    """Return what a validator says of probabilities without anything else."""
    nobody, features = np.zeros((0, said.shape[1])), np.zeros((len(said), 1))
    return validator(name)(EpochOutputs(nobody, np.zeros(0, int), said, features))


def rank_correlation(values: Sequence[float], recalls: Sequence[float]) -> float | None:
    """Return Spearman's correlation over the epochs; None if one of both is the same for all."""
    if len(set(values)) < 2 or len(set(recalls)) < 2:
        return None
    return float(pd.Series(values).corr(pd.Series(recalls), method="spearman"))


def between(cells: list[Cell]) -> list[dict[str, Any]]:
    """Return, for each pair and seed with three methods or more, which method each validator would take."""
    found = []
    for pair, seed in sorted({(cell.pair, cell.seed) for cell in cells}):
        own = [cell for cell in cells if (cell.pair, cell.seed) == (pair, seed)]
        if len(own) < 3:
            continue
        said, recalls = [cell.said[cell.kept] for cell in own], [cell.recalls[cell.kept] for cell in own]
        scores = {name: [alone(name, one) for one in said] for name in ALONE}
        scores["ensv"] = comparison("ensv").compare(said)
        if all("source_accuracy" in cell.scores for cell in own):  # a source-free method has none
            scores["source_accuracy"] = [float(cell.scores["source_accuracy"][cell.kept]) for cell in own]
        taken = {name: int(np.argmax(values)) for name, values in scores.items()}
        chosen = {
            name: {"method": own[place].method, "regret": max(recalls) - recalls[place]}
            for name, place in taken.items()
        }
        methods = dict(zip((cell.method for cell in own), recalls, strict=True))
        found.append({"pair": pair, "seed": seed, "macro_recall": methods, "chosen": chosen})
    return found


if __name__ == "__main__":
    main()
