"""A cell whose trainings nobody trained: what a run leaves, written by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ferda.benchmarking import reproduce as module
from ferda.benchmarking.places import Place
from ferda.benchmarking.reading import parse_table
from ferda.benchmarking.reproduce import Reproduction, reproduce, table_of
from ferda.benchmarking.reproducible import PublishedCell, find_cells
from ferda.data.domain import open_domain
from ferda.errors import UserError

CLASSES = ("happiness", "sadness")
SMALL = ("data.classes=[happiness, sadness]", "method.backbone=ir_small")
#: How many of six test faces each epoch answers rightly, and its source accuracy.
EPOCHS = ((3, 0.6), (6, 0.7), (4, 0.9), (5, 0.8))


@pytest.fixture
def cell() -> PublishedCell:
    (found,) = find_cells("agra/raf-db/ck-plus/ir50")
    return found


@pytest.fixture
def data(tiny_pack: Callable[..., Path], tmp_path: Path) -> dict[str, str]:
    return {"RAF_DB": str(tiny_pack(tmp_path / "raf", 0)), "ck-plus": str(tiny_pack(tmp_path / "ck", 1))}


def leave(place: Place, recipe: Any) -> None:
    """What a finished training leaves; its third epoch was chosen."""
    (place.folder / "outputs").mkdir(parents=True)
    (place.folder / "recipe.yaml").write_text(recipe.to_yaml())
    test = open_domain(recipe.data.watch, CLASSES)
    labels, rows = np.asarray(test.labels()), np.asarray(test.rows)
    for epoch, (right, _) in enumerate(EPOCHS, 1):
        said = np.where(np.arange(6) < right, labels, 1 - labels)
        np.savez(
            place.folder / "outputs" / f"adapt_{epoch:03d}.npz", rows=rows, probabilities=np.eye(2)[said]
        )
    table = [
        {"stage": "adapt", "epoch": epoch, "step": epoch, "source_accuracy": known, "selected": ""}
        for epoch, (_, known) in enumerate(EPOCHS, 1)
    ]
    table[3]["selected"] = "im"
    pd.DataFrame(table).to_csv(place.folder / "scores.csv", index=False)
    (place.folder / "finished").touch()


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(table: dict[str, Any], out: Path, **rest: Any) -> Any:
        asked = parse_table(table)
        for one in asked.cells:
            leave(Place(out, one), asked.recipe(one))
        return type("Summary", (), {"missing": {}})

    monkeypatch.setattr(module, "benchmark", run)


def repeated(cell: PublishedCell, data: dict[str, str], out: Path, **given: Any) -> Reproduction:
    return reproduce(cell, data, out, changes=SMALL, **given)


@pytest.mark.usefixtures("trained")
def test_ours_stands_there_by_every_rule(cell: PublishedCell, data: dict[str, str], tmp_path: Path) -> None:
    done = repeated(cell, data, tmp_path / "out", seeds=(0, 1))
    assert [one.seed for one in done.trainings] == [0, 1]
    sixth = 100 / 6
    found = {rule: done.mean(rule) for rule in ("chosen", "last", "oracle", "by_source")}
    assert found == pytest.approx(
        {"chosen": 5 * sixth, "last": 5 * sixth, "oracle": 100.0, "by_source": 4 * sixth}
    )
    assert done.rule == "oracle", "as the paper's epoch was"
    assert done.difference == pytest.approx(100 - 85.27)
    by_source = replace(done, cell=replace(cell, chosen_by="source test labels"))
    assert by_source.difference == pytest.approx(4 * sixth - 85.27)
    validated = replace(done, cell=replace(cell, chosen_by="validation labels"))
    assert validated.difference == pytest.approx(5 * sixth - 85.27)


@pytest.mark.usefixtures("trained")
def test_what_differs_is_told(cell: PublishedCell, data: dict[str, str], tmp_path: Path) -> None:
    said = " | ".join(repeated(cell, data, tmp_path / "out").differs)
    expected = (
        "trained on MS-Celeb-1M, ours from chance",
        "you changed method.backbone=ir_small",
        "6 faces were tested here, 129 there",
        "seeds here: 0",
        "is not the owner's, who has none",
    )
    for words in expected:
        assert words in said, words
    given = repeated(cell, data, tmp_path / "more", weights="face.pt").differs
    assert "MS-Celeb-1M" not in " ".join(given)


def test_the_table_has_the_owner_s_parts(data: dict[str, str], cell: PublishedCell) -> None:
    table = table_of(cell, data, (0,), SMALL)
    asked = parse_table(table)
    recipe = asked.recipe(asked.cells[0])
    assert recipe.data.sources == (f"{data['RAF_DB']}@train",)
    assert (recipe.data.target, recipe.data.watch) == (f"{data['ck-plus']}@train", f"{data['ck-plus']}@test")
    assert recipe.training == cell.full_recipe(SMALL).training
    assert recipe.method.settings["backbone"] == "ir_small"
    (two,) = find_cells("manet/fed-ro")
    places = {"affectnet": "a", "raf-db": "b", "fed-ro": "c"}
    pair = table_of(two, places, (0,))["pairs"]["cell"]
    assert pair == {"sources": ["a@train", "b@train"], "target": "c@all", "test": "c@all"}


def test_missing_data_are_told_with_what_to_prepare(cell: PublishedCell, tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        reproduce(cell, {"raf-db": "packs/raf"}, tmp_path / "out")
    assert str(caught.value) == (
        "agra/raf-db/ck-plus/ir50 needs ck-plus: prepare it (ferda prepare ck-plus --root FOLDER --out "
        "packs/ck-plus) and add --data ck-plus=packs/ck-plus."
    )
    with pytest.raises(UserError, match="there is no data set 'rfa'"):
        reproduce(cell, {"rfa": "x"}, tmp_path / "out")
