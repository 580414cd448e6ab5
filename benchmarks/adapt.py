"""`ferda adapt` on real faces: macro recall before and after, on people that it has not seen.

    python benchmarks/adapt.py --data FOLDER --runs runs/real_pairs

Starts are the source-only runs of `real_pairs.py`, which are trained first where --runs lacks them. Each is
adapted to the training part of the other data set without a label, as `ferda adapt` does by default, and
measured on the test part: other people of LFW, another part of FER2013. The test labels were not looked at
when the adaptation and its safety rule were made.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from about import about
from real_pairs import CLASSES, SCORED, measured, prepare_packs, table_of

PAIRS = ("fer2013-lfw", "lfw-fer2013")


def main() -> None:
    """Train what is missing, adapt, measure, and write the numbers as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument("--runs", type=Path, default=Path("runs/real_pairs"))
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/adapt.json"))
    parser.add_argument("--pairs", nargs="+", choices=PAIRS, default=PAIRS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    wanted = parser.parse_args()
    starts = {
        (pair, seed): start_of(wanted.runs, pair, seed) for pair in wanted.pairs for seed in wanted.seeds
    }
    if missing := [place for place, start in starts.items() if not (start / "finished").is_file()]:
        if wanted.data is None or not Path(wanted.data).is_dir():
            print(f"There is no start for {missing}: give the real packs' folder with --data or FERDA_DATA.")
            return
        train(Path(wanted.data), wanted.runs, missing)
    torch.set_num_threads(1)
    command = "python benchmarks/adapt.py --data FOLDER"
    known = json.loads(wanted.json.read_text(encoding="utf-8"))["cells"] if wanted.json.is_file() else []
    cells = {(cell["pair"], cell["seed"]): cell for cell in known}
    for (pair, seed), start in starts.items():
        cells[pair, seed] = cell(wanted.runs / "packs", pair, seed, start)
        print(pair, seed, cells[pair, seed]["after"]["macro_recall"], flush=True)
        found = {"about": about(command), "cells": [cells[place] for place in sorted(cells)]}
        wanted.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def start_of(runs: Path, pair: str, seed: int) -> Path:
    """Return the run folder of a start."""
    return runs / pair / "source_only" / str(seed)


def train(data: Path, runs: Path, missing: list[tuple[str, int]]) -> None:
    """Train the starts that are not there, as `real_pairs.py` does."""
    from ferda.benchmarking.runner import Runner

    prepare_packs(data, runs / "packs")
    for pair in sorted({pair for pair, _ in missing}):
        seeds = [seed for one, seed in missing if one == pair]
        Runner(table_of("main", runs / "packs", [pair], ["source_only"], seeds), runs).run()


def cell(packs: Path, pair: str, seed: int, start: Path) -> dict[str, Any]:
    """Adapt one start, and measure it before and after."""
    from ferda.adaptation.adapting import adapt_run

    target = packs / pair.split("-")[1]
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        report = adapt_run(start, f"{target}@train", Path(folder) / "new", pictures=False)
        seconds = time.process_time() - began
        before, after = (score(path, target) for path in (start, report.folder))
    return {
        "pair": pair,
        "seed": seed,
        "kept_old": report.kept_old,
        "sentences": report.sentences,
        "cpu_seconds": seconds,
        "before": before,
        "after": after,
        "label_free": {"before": report.before, "after": report.after},
    }


def score(run: Path, target: Path) -> dict[str, Any]:
    """Measure a model on the test part."""
    from ferda.data.domain import open_domain
    from ferda.engine.checkpoint import load_method
    from ferda.engine.scoring import answers

    model = load_method(run)
    test = open_domain(f"{target}@test", CLASSES)
    said = answers(model.method, test, None, model.preprocessing, torch.device("cpu")).probabilities
    return measured(test.labels(), said, [CLASSES.index(name) for name in SCORED[target.name]])


if __name__ == "__main__":
    main()
