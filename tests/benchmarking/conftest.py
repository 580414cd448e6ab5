"""A table whose trainings nobody trained: what a run leaves, written by hand, with answers that are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from ferda.benchmarking.places import Cost, Place
from ferda.benchmarking.reading import parse_table
from ferda.benchmarking.table import Cell, Table
from ferda.data.domain import open_domain

#: How often a row's answers are right after epochs 1, 2 and 3.
RIGHT = {"source_only": (0.3, 0.5, 0.4), "dann": (0.2, 0.3, 0.9), "mcc": (0.7, 0.8, 0.6)}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Table, Path]:
    """Three rows with two seeds; the last training of `mcc` failed, that of `dann` is not trained yet."""
    out = tmp_path_factory.mktemp("table")
    table = parse_table(
        {
            "title": "Known & answers",
            "seeds": [0, 1],
            "pairs": {
                "studio-cctv": {
                    "sources": "synthetic:studio",
                    "target": "synthetic:cctv",
                    "published": {"source": "RAF-DB", "target": "SFEW 2.0"},
                }
            },
            "methods": list(RIGHT),
        }
    )
    for cell in table.cells:
        if (cell.row, cell.seed) != ("dann", 1) and (cell.row, cell.seed) != ("mcc", 1):
            write_run(table, Place(out, cell))
    failed = Place(out, Cell("studio-cctv", "mcc", 1))
    failed.folder.parent.mkdir(parents=True, exist_ok=True)
    failed.beside("error").write_text("The disk was full.\n")
    return table, out


def write_run(table: Table, place: Place) -> None:
    """Leave what a finished training leaves; the second epoch is the one that was chosen."""
    (place.folder / "outputs").mkdir(parents=True)
    (place.folder / "recipe.yaml").write_text(table.recipe(place.cell).to_yaml())
    test = open_domain("synthetic:cctv@test", labelled=False)
    labels, rows = np.asarray(test.labels()), np.asarray(test.rows)
    for epoch, right in enumerate(RIGHT[place.cell.row], start=1):
        generator = np.random.default_rng(10 * place.cell.seed + epoch)
        wrong = (labels + 1 + generator.integers(6, size=len(labels))) % 7
        said = np.where(generator.random(len(labels)) < right, labels, wrong)
        probabilities = np.full((len(rows), 7), 0.05, np.float32)
        probabilities[np.arange(len(rows)), said] = 0.7
        file = place.folder / "outputs" / f"adapt_{epoch:03d}.npz"
        np.savez_compressed(file, rows=rows, probabilities=probabilities)
    scores = [
        {"stage": "adapt", "epoch": epoch, "step": epoch, "im": 0.1, "selected": "im" if epoch == 2 else ""}
        for epoch in (1, 2, 3)
    ]
    pd.DataFrame(scores).to_csv(place.folder / "scores.csv", index=False)
    weights = {"head.weight": torch.zeros(7, 10), "norm.running_mean": torch.zeros(10)}
    save_file(weights, place.folder / "best.safetensors")
    place.add_cost(Cost(seconds=100 + place.cell.seed, cpu_seconds=60, peak_memory=2**30, threads=1))
    (place.folder / "finished").touch()
