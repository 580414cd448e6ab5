"""FER2013 and LFW, both ways: every method, several seeds, the checkpoint chosen with and without labels.

    python benchmarks/real_pairs.py --data FOLDER --out runs/real_pairs --jobs 2

FOLDER holds `fer2013_dev`, `mux_lfw_dev` and `mux_movie_dev`, each a table and a zip (see README.md in this
folder). `real_pairs.yaml` holds the tables: `main`; `general`, the methods that were not made for faces, and
ours; and `several_sources`, where pictures of a film and rendered faces join FER2013. Finished cells are
kept, in --out and in the JSON, so the script can be stopped and started again, also on another machine.

What is measured, on rows that no training and no choice has seen:
  ... -> lfw       people of LFW that are not in the target's training part; five classes (fear and disgust
                   have seven rows each)
  lfw -> fer2013   rows of the official PublicTest part on which the owner's label and the FER+ majority agree
`im`: the epoch that information maximisation chose, without a label of the target. `oracle`: the epoch that
the test labels themselves would have chosen, an upper bound that nobody can have.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import yaml
from about import about

from ferda.benchmarking.earlier import check_finished
from ferda.benchmarking.reading import parse_table
from ferda.benchmarking.runner import Runner
from ferda.benchmarking.table import Cell, Table

if TYPE_CHECKING:
    from ferda.engine.run import Run

CLASSES = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")
FIVE = ("surprise", "happiness", "sadness", "anger", "neutral")
SCORED = {"lfw": FIVE, "fer2013": CLASSES}
SIZE = 48
TABLES: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)["tables"]


def main() -> None:
    """Run what is missing, then write the table's numbers as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("FERDA_DATA"))
    parser.add_argument("--out", type=Path, default=Path("runs/real_pairs"))
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/real_pairs.json"))
    parser.add_argument("--table", choices=TABLES, default="main")
    parser.add_argument("--methods", nargs="+", help="with what they start from; default: all of the table")
    parser.add_argument("--pairs", nargs="+", help="default: the table's")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--collect", action="store_true", help="only read the finished cells")
    wanted = parser.parse_args()
    if wanted.data is None or not Path(wanted.data).is_dir():
        print("The real packs are not here: give their folder with --data or FERDA_DATA; nothing was run.")
        return
    if not wanted.collect:
        prepare_packs(Path(wanted.data), wanted.out / "packs")
        table = table_of(wanted.table, wanted.out / "packs", wanted.pairs, wanted.methods, wanted.seeds)
        check_finished(table, wanted.out)
        Runner(table, wanted.out, jobs=wanted.jobs, watch=tell).run()
    collect(wanted.out, wanted.json)


def table_of(
    name: str, packs: Path, pairs: list[str] | None, methods: list[str] | None, seeds: list[int]
) -> Table:
    """Return a table of real_pairs.yaml, or a part: some methods with what they start from, some pairs."""
    raw: dict[str, Any] = yaml.safe_load(json.dumps(TABLES[name]).replace('"packs/', f'"{packs}/'))
    rows = list(methods or raw["methods"])
    for row in rows:
        before = raw["methods"][row].get("start")
        rows += [before] if before is not None and before not in rows else []
    kept = [pair for pair in raw["pairs"] if pairs is None or pair in pairs]
    for layer in raw["layers"].values():
        layer["by_pair"] = {pair: one for pair, one in layer.get("by_pair", {}).items() if pair in kept}
    chosen = {
        "seeds": seeds,
        "pairs": {pair: raw["pairs"][pair] for pair in kept},
        "methods": {row: one for row, one in raw["methods"].items() if row in rows},
        "baseline": "source_only" if "source_only" in rows else rows[0],
    }
    return parse_table(raw | chosen, where=f"table {name} of real_pairs.yaml")


def tell(cell: Cell, event: str) -> None:
    """Print what becomes of a cell."""
    print(cell, event, flush=True)


def prepare_packs(data: Path, out: Path) -> None:
    """Make one pack a domain, with the splits of this benchmark."""
    from ferda.data.manifest import write_manifest
    from ferda.data.prepare import prepare
    from ferda.data.readers import read_any
    from ferda.data.splits import split_by_group
    from ferda.faces.crops import CropRule

    rule = CropRule(kind="whole", size=SIZE, detect=False)
    tables = {"fer2013": "fer2013_dev", "fer2013_agreed": "fer2013_dev", "lfw": "mux_lfw_dev"}
    for name, table in {**tables, "movie": "mux_movie_dev"}.items():
        folder = out / name
        if (folder / "benchmark.txt").is_file():
            continue
        prepare(read_any(data / f"{table}.csv"), folder, rule, name=name)
        manifest = pd.read_parquet(folder / "manifest.parquet")
        if name.startswith("fer2013"):
            is_official = manifest["split"] == "train"
            rng = np.random.default_rng(0)
            held = is_official & (rng.random(len(manifest)) < 0.08)
            is_clean = manifest["expression"] == manifest["ferplus_label"]
            is_taught = is_official & is_clean if name == "fer2013_agreed" else is_official
            parts = {"val": held & is_taught, "train": is_taught, "test": is_clean & ~is_official}
            manifest["split"] = np.select(list(parts.values()), list(parts), None)
        else:
            parts = {"train": 0.55, "val": 0.1, "test": 0.35} if name == "lfw" else {"train": 0.8, "val": 0.2}
            manifest["split"] = split_by_group(manifest, parts, seed=0)
        write_manifest(manifest, folder / "manifest.parquet")
        counts = manifest.groupby(["split", "expression"], observed=True).size().unstack(fill_value=0)
        (folder / "benchmark.txt").write_text(counts.to_string() + "\n")


def read_cell(out: Path, pair: str, method: str, seed: int) -> dict[str, Any]:
    """Score every epoch of a finished cell on the test rows."""
    from ferda.data.domain import open_domain
    from ferda.engine.checkpoint import count_learned
    from ferda.engine.run import Run

    run = Run(out / pair / method / str(seed))
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
        "weights": count_learned(run.folder / "best.safetensors"),
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


def collect(out: Path, path: Path) -> None:
    """Write the numbers of all finished cells, beside those that the file has from elsewhere."""
    scored = {name: list(classes) for name, classes in SCORED.items()}
    facts = about("python benchmarks/real_pairs.py --data FOLDER", settings=TABLES, scored_classes=scored)
    known = json.loads(path.read_text(encoding="utf-8"))["cells"] if path.is_file() else []
    cells = {(cell["pair"], cell["method"], cell["seed"]): cell for cell in known}
    for finished in out.glob("*-*/*/*/finished"):
        pair, method, seed = finished.parts[-4:-1]
        cell = read_cell(out, pair, method, int(seed))
        cells[pair, method, int(seed)] = {**cell, "commit": facts["commit"]}
    pairs = [pair for table in TABLES.values() for pair in table["pairs"]]
    methods = list(dict.fromkeys(row for table in TABLES.values() for row in table["methods"]))
    ordered = sorted(cells, key=lambda cell: (pairs.index(cell[0]), methods.index(cell[1]), cell[2]))
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"about": facts, "cells": [cells[cell] for cell in ordered]}
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"{len(ordered)} cells in {path}")


if __name__ == "__main__":
    main()
