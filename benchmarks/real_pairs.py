"""FER2013 and LFW, both ways: every method, several seeds, the checkpoint chosen with and without labels.

    python benchmarks/real_pairs.py --data FOLDER --out runs/real_pairs --jobs 2

FOLDER holds `fer2013_dev.csv/.zip` and `mux_lfw_dev.csv/.zip` (see README.md in this folder). Splits, labels
and training are fixed below and are the same for all methods: a source-only model per seed, from which each
adaptation starts. Finished cells are kept, so the script can be stopped and started again.

What is measured, on rows that no training and no choice has seen:
  fer2013 -> lfw   people of LFW that are not in the target's training part; five classes (fear and disgust
                   have seven rows each)
  lfw -> fer2013   rows of the official PublicTest part on which the owner's label and the FER+ majority agree
`im`: the epoch that information maximisation chose, without a label of the target. `oracle`: the epoch that
the test labels themselves would have chosen, an upper bound that nobody can have.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from about import about

if TYPE_CHECKING:
    from ferda.engine.run import Run

CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
FIVE = ("surprise", "happiness", "sadness", "anger", "neutral")
SCORED = {"lfw": FIVE, "fer2013": CLASSES}
PAIRS = ("fer2013-lfw", "lfw-fer2013")
METHODS = ("source_only", "dann", "cdan", "mcc", "aglrls")
SIZE = 48


def main() -> None:
    """Run what is missing, then write the table's numbers as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument("--out", type=Path, default=Path("runs/real_pairs"))
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/real_pairs.json"))
    parser.add_argument("--methods", nargs="+", default=list(METHODS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--pairs", nargs="+", default=list(PAIRS))
    parser.add_argument("--collect", action="store_true", help="only read the finished cells")
    wanted = parser.parse_args()
    if wanted.data is None or not Path(wanted.data).is_dir():
        print("The real packs are not here: give their folder with --data or FERDA_DATA; nothing was run.")
        return
    if not wanted.collect:
        prepare_packs(Path(wanted.data), wanted.out / "packs")
        for names in (["source_only"], [name for name in wanted.methods if name != "source_only"]):
            cells = [(pair, name, seed) for seed in wanted.seeds for name in names for pair in wanted.pairs]
            with ThreadPoolExecutor(wanted.jobs) as pool:
                codes = pool.map(lambda cell: run_cell(wanted.out, *cell), cells)
                for cell, code in zip(cells, codes, strict=True):
                    print(*cell, "done" if code == 0 else f"FAILED with exit code {code}", flush=True)
    collect(wanted.out, wanted.json, wanted.methods, wanted.seeds)


def prepare_packs(data: Path, out: Path) -> None:
    """Make one pack a domain, with the splits of this benchmark."""
    from ferda.data.manifest import write_manifest
    from ferda.data.prepare import prepare
    from ferda.data.readers import read_any
    from ferda.data.splits import split_by_group
    from ferda.faces.crops import CropRule

    rule = CropRule(kind="whole", size=SIZE, detect=False)
    for name, table in (("fer2013", "fer2013_dev.csv"), ("lfw", "mux_lfw_dev.csv")):
        folder = out / name
        if (folder / "benchmark.txt").is_file():
            continue
        prepare(read_any(data / table), folder, rule, name=name)
        manifest = pd.read_parquet(folder / "manifest.parquet")
        if name == "lfw":
            manifest["split"] = split_by_group(manifest, {"train": 0.55, "val": 0.1, "test": 0.35}, seed=0)
        else:
            is_official = manifest["split"] == "train"
            rng = np.random.default_rng(0)
            held = is_official & (rng.random(len(manifest)) < 0.08)
            is_clean = manifest["expression"] == manifest["ferplus_label"]
            manifest["split"] = np.select([held, is_official, is_clean], ["val", "train", "test"], "")
            manifest.loc[manifest["split"] == "", "split"] = None
        write_manifest(manifest, folder / "manifest.parquet")
        counts = manifest.groupby(["split", "expression"], observed=True).size().unstack(fill_value=0)
        (folder / "benchmark.txt").write_text(counts.to_string() + "\n")


def recipe_of(out: Path, pair: str, method: str, seed: int) -> Path:
    """Put a cell's recipe together from real_pairs.yaml and write it beside the cell; return its path."""
    settings = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    part = "source" if method == "source_only" else "adapt"
    layers = [settings["common"], settings[part][pair], settings.get(method, {}).get(pair, {})]
    recipe: dict[str, Any] = {
        "method": {"name": method, **settings["methods"][method]},
        "data": {},
        "training": {},
    }
    for layer in layers:
        for section in ("data", "training"):
            recipe[section] |= layer.get(section, {})
    if method not in ("source_only", "aglrls"):
        recipe["training"]["start"] = str(out / pair / "source_only" / str(seed))
    path = out / pair / method / f"{seed}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return path


def run_cell(out: Path, pair: str, method: str, seed: int) -> int:
    """Train one cell in a process of its own; return its exit code."""
    folder = out / pair / method / str(seed)
    if (folder / "finished").is_file():
        return 0
    source, target = (str(out / "packs" / name) for name in pair.split("-"))
    command = [
        sys.executable,
        "-m",
        "ferda",
        "fit",
        method,
        "--recipe",
        str(recipe_of(out, pair, method, seed)),
    ]
    command += ["--sources", source, "--target", target, "--seed", str(seed), "--out", str(folder)]
    command += ["--resume"] if (folder / "recipe.yaml").is_file() else []
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder.parent / f"{seed}.log").open("a") as log:
        return subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode


def read_cell(out: Path, pair: str, method: str, seed: int) -> dict[str, Any] | None:
    """Score every epoch of a finished cell on the test rows; None if it is not finished."""
    from ferda.data.domain import open_domain
    from ferda.engine.run import Run

    run = Run(out / pair / method / str(seed))
    if not run.is_finished:
        return None
    target = pair.split("-")[1]
    test = open_domain(f"{out / 'packs' / target}@test", CLASSES)
    truth = pd.Series(test.labels(), index=test.rows)
    scored = [CLASSES.index(name) for name in SCORED[target]]
    scores = run.scores[run.scores["stage"] == run.scores["stage"].iloc[-1]]
    epochs: list[dict[str, Any]] = []
    for row in scores.itertuples():
        with np.load(run.folder / "outputs" / f"{row.stage}_{row.epoch:03d}.npz") as stored:
            rows, probabilities = stored["rows"], stored["probabilities"]
        numbers = measured(truth.reindex(rows).to_numpy(), probabilities, scored)
        epochs.append({"epoch": int(row.epoch), "selected": isinstance(row.selected, str), **numbers})
    selected = next(epoch for epoch in epochs if epoch["selected"])
    oracle = max(epochs, key=lambda epoch: epoch["macro_recall"])
    return {
        "pair": pair,
        "method": method,
        "seed": seed,
        "im": selected,
        "oracle": oracle,
        "last": epochs[-1],
        **beside(out, run, target, scored),
    }


def measured(labels: np.ndarray, probabilities: np.ndarray, scored: list[int]) -> dict[str, Any]:
    """Return the numbers of one model on the rows of the scored classes."""
    from ferda.evaluation.confusion import accuracy, confusion_matrix, f1_scores, recalls

    counted = np.isin(labels, scored)
    matrix = confusion_matrix(labels[counted].astype(int), probabilities[counted].argmax(1), len(CLASSES))
    return {
        "macro_recall": float(np.mean(recalls(matrix)[scored])),
        "macro_f1": float(np.mean(f1_scores(matrix)[scored])),
        "accuracy": float(accuracy(matrix)),
        "per_class_recall": {CLASSES[c]: float(recalls(matrix)[c]) for c in scored},
        "share_of_answers": {CLASSES[c]: float(matrix[:, c].sum() / matrix.sum()) for c in scored},
        "share_of_faces": {CLASSES[c]: float(matrix[c].sum() / matrix.sum()) for c in scored},
        "faces": int(counted.sum()),
    }


def beside(out: Path, run: Run, target: str, scored: list[int]) -> dict[str, Any]:
    """Measure what explains a cell: a first stage alone, or source-only with the target's statistics."""
    import torch

    from ferda.data.domain import open_domain
    from ferda.data.loader import evaluation_batches
    from ferda.engine.checkpoint import load_method
    from ferda.engine.scoring import answers
    from ferda.layers.norm_statistics import with_statistics_of

    test = open_domain(f"{out / 'packs' / target}@test", CLASSES)
    cpu = torch.device("cpu")
    if (first := run.folder / "stage-source.safetensors").is_file():
        model = load_method(first)
        said = answers(model.method, test, None, model.preprocessing, cpu)
        return {"first_stage": measured(test.labels(), said.probabilities, scored)}
    if run.recipe.method.name != "source_only":
        return {}
    model = load_method(run.folder)
    train = open_domain(f"{out / 'packs' / target}@train", labelled=False)
    shown = evaluation_batches(train, model.preprocessing, np.arange(min(len(train), 2000)))
    adapted = with_statistics_of(model.method, ((batch.images, batch.landmarks) for batch in shown))
    said = answers(adapted, test, None, model.preprocessing, cpu)
    return {"target_norm": measured(test.labels(), said.probabilities, scored)}


def collect(out: Path, path: Path, methods: list[str], seeds: list[int]) -> None:
    """Write the numbers of all finished cells."""
    cells = [read_cell(out, pair, method, seed) for pair in PAIRS for method in methods for seed in seeds]
    settings = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))
    scored = {name: list(classes) for name, classes in SCORED.items()}
    facts = about("python benchmarks/real_pairs.py --data FOLDER", settings=settings, scored_classes=scored)
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [cell for cell in cells if cell is not None]
    path.write_text(json.dumps({"about": facts, "cells": found}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(found)} cells in {path}")


if __name__ == "__main__":
    main()
