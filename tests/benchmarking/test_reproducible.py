from __future__ import annotations

import pytest

from ferda.benchmarking.published import all_published
from ferda.benchmarking.reproducible import all_cells, find_cells, reasons
from ferda.data.datasets import list_datasets
from ferda.engine.recipe import list_recipes, read_recipe
from ferda.errors import UserError

NETWORKS = {"ResNet-50": "ir50", "ResNet-18": "ir18", "MobileNet V2": "mobilenet"}


def test_every_recipe_is_one() -> None:
    seen = set()
    for cell in all_cells():
        key = (cell.method, cell.recipe, cell.changes)
        if key in seen:
            continue
        seen.add(key)
        recipe = cell.full_recipe()
        assert recipe.method.name == cell.method
        assert recipe.data.sources == ()
    assert len(seen) > 25


def test_cells_are_told_apart_and_their_data_sets_can_be_prepared() -> None:
    names = [cell.name for cell in all_cells()]
    assert len(set(names)) == len(names) > 150
    for cell in all_cells():
        assert {one.name for one in cell.data_sets} <= set(list_datasets())
        assert cell.recipe in list_recipes()
        assert 0 < cell.accuracy < 100
        assert cell.place


def test_numbers_are_those_of_the_table() -> None:
    published = {
        (one.method.lower(), one.source, one.target, one.backbone): one.accuracy for one in all_published()
    }
    table = [cell for cell in all_cells() if cell.name.count("/") == 3]
    assert len(table) == 8 * 2 * 5 * 2 + 10
    for cell in table:
        (source,) = cell.sources
        network = cell.name.rpartition("/")[2]
        found = {
            accuracy
            for (method, one, other, backbone), accuracy in published.items()
            if (method, one, other) == (cell.name.split("/")[0], source.title, cell.target.title)
            and NETWORKS[backbone] == network
        }
        assert found == {cell.accuracy}, cell.name
    assert find_cells("agra/raf-db/sfew/ir50")[0].accuracy == 56.43


@pytest.mark.parametrize(
    "cell", [cell for cell in all_cells() if cell.name.count("/") == 1], ids=lambda one: one.name
)
def test_numbers_are_those_of_the_recipe_s_header(cell: object) -> None:
    from importlib import resources

    from ferda.benchmarking.reproducible import PublishedCell

    assert isinstance(cell, PublishedCell)
    text = resources.files("ferda.recipes").joinpath(f"{cell.recipe}.yaml").read_text(encoding="utf-8")
    header = " ".join(line[2:] for line in text.splitlines() if line.startswith("# "))
    assert f"{cell.accuracy:.2f}" in header or f"{cell.accuracy:.1f} %" in header
    assert read_recipe(cell.recipe)["method"]["name"] == cell.method
    if cell.last is not None:
        assert f"{cell.last:.2f}" in header


def test_settings_of_the_benchmark_arrive() -> None:
    (swd,) = find_cells("swd/afe/expw/ir18")
    training = swd.full_recipe().training
    assert (training.epochs, training.rate, training.decay, training.clip) == (60, 1e-4, 2e-4, None)
    assert training.schedule.at == {20: 0.1, 40: 0.01}
    assert swd.full_recipe().method.settings["backbone"] == "ir18"
    (ecan,) = find_cells("ecan/raf-db/jaffe/ir50")
    adapt = ecan.full_recipe().training.stage("adapt")
    assert (adapt.epochs, adapt.rate, adapt.decay, adapt.balance) == (60, 1e-3, 1e-3, "class_balanced")
    (cada,) = find_cells("cada/raf-db/ck-plus/ir50")
    agra = find_cells("agra/raf-db/ck-plus/ir50")[0].full_recipe()
    assert cada.full_recipe().training == agra.training
    (mobile,) = find_cells("agra/afe/ck-plus/mobilenet")
    rates = [mobile.full_recipe().training.stage(stage).rate for stage in ("source", "adapt")]
    assert rates == [1e-3, 1e-4], "only the first stage is faster"


def test_the_beginning_of_a_name_finds_all_and_a_typo_the_nearest() -> None:
    assert len(find_cells("AGRA")) == 30
    assert {cell.target.name for cell in find_cells("agra/raf-db")} == {
        "ck-plus",
        "jaffe",
        "sfew",
        "fer2013",
        "expw",
    }
    with pytest.raises(UserError, match=r"did you mean 'manet/raf-db'"):
        find_cells("manet/rafdb")
    with pytest.raises(UserError, match=r"SAFN|its own paper"):
        find_cells("safn/raf-db")
    with pytest.raises(UserError, match="objects, not faces"):
        find_cells("mfsan")
    assert {"FTDNN", "SAFN", "duml"} <= reasons().keys()
