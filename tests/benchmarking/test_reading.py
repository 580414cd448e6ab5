from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ferda.benchmarking.reading import parse_table, read_table
from ferda.benchmarking.table import Cell, Table
from ferda.errors import UserError

PAIR = {"studio-cctv": {"sources": "synthetic:studio", "target": "synthetic:cctv"}}


def table(**given: Any) -> Table:
    return parse_table({"pairs": PAIR, "methods": ["source_only"]} | given)


def test_each_way_is_every_ordered_pair() -> None:
    found = table(pairs={}, each_way=["synthetic:studio", "packs/lfw@train", "b/movie"])
    assert {name: (pair.sources, pair.target) for name, pair in found.pairs.items()} == {
        "lfw-studio": (("packs/lfw@train",), "synthetic:studio"),
        "movie-studio": (("b/movie",), "synthetic:studio"),
        "studio-lfw": (("synthetic:studio",), "packs/lfw@train"),
        "movie-lfw": (("b/movie",), "packs/lfw@train"),
        "studio-movie": (("synthetic:studio",), "b/movie"),
        "lfw-movie": (("packs/lfw@train",), "b/movie"),
    }


def test_leave_one_out_has_all_others_as_sources() -> None:
    found = table(pairs={}, leave_one_out=["a/x", "a/y", "a/z"])
    assert {name: pair.sources for name, pair in found.pairs.items()} == {
        "y+z-x": ("a/y", "a/z"),
        "x+z-y": ("a/x", "a/z"),
        "x+y-z": ("a/x", "a/y"),
    }


def test_cells_come_seed_by_seed_and_starts_first() -> None:
    found = table(seeds=[3, 1], methods={"mcc": {"start": "source_only"}, "source_only": None})
    names = [(cell.row, cell.seed) for cell in found.cells]
    assert names == [("source_only", 3), ("mcc", 3), ("source_only", 1), ("mcc", 1)]


def test_later_settings_replace_earlier_ones() -> None:
    layers = {"long": {"training": {"epochs": 7}, "by_pair": {"studio-cctv": {"training": {"rate": 0.5}}}}}
    found = table(
        training={"epochs": 3, "batch": 8, "rate": 0.1},
        pairs={"studio-cctv": PAIR["studio-cctv"] | {"training": {"batch": 9, "momentum": 0.1}}},
        layers=layers,
        methods={
            "source_only": {"layers": ["long"], "training": {"momentum": 0.3}},
            "other": {
                "name": "source_only",
                "training": {"epochs": 2},
                "by_pair": {"studio-cctv": {"training": {"epochs": 4}}},
            },
        },
    )
    one, other = (
        found.recipe(Cell("studio-cctv", row, 5), Path("there")).training for row in ("source_only", "other")
    )
    assert (one.epochs, one.batch, one.rate, one.momentum) == (7, 9, 0.5, 0.3)
    assert (other.epochs, other.batch, other.rate, other.momentum) == (4, 9, 0.1, 0.1)
    assert (one.seed, one.start) == (5, "there")


def test_a_recipe_begins_with_the_method_s_own_or_bare() -> None:
    own, bare = (
        parse_table({"pairs": PAIR, "methods": ["aglrls"], "base": base}).recipe(
            Cell("studio-cctv", "aglrls", 0)
        )
        for base in ("method", "bare")
    )
    assert own.training.stages
    assert not bare.training.stages


def test_domains_come_from_the_pair() -> None:
    found = table(
        pairs={"one": PAIR["studio-cctv"] | {"test": "synthetic:cctv@val", "scored": ["Happy", "sad"]}}
    )
    data = found.recipe(found.cells[0]).data
    assert (data.sources, data.target, data.watch) == (
        ("synthetic:studio",),
        "synthetic:cctv",
        "synthetic:cctv@val",
    )
    assert found.pairs["one"].scored == ("happiness", "sadness")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"methods": {"mcc": {"start": "source_onyl"}, "source_only": {}}}, "did you mean 'source_only'"),
        ({"methods": {"mcc": {"layers": ["long"]}}, "layers": {"lang": {}}}, "did you mean 'lang'"),
        ({"methods": {"mcc": {"by_pair": {"studio-cctw": {}}}}}, "did you mean 'studio-cctv'"),
        ({"methods": {"mcc": {"start": "dann"}, "dann": {"start": "mcc"}}, "baseline": "mcc"}, "leads back"),
        ({"methods": ["mcc", "dann"]}, "baseline: no row 'source_only'"),
        ({"methods": ["source_onyl"]}, "source_only"),
        ({"training": {"epoch": 3}}, "did you mean 'epochs'"),
        ({"pairs": {}}, "pairs"),
        ({"sedes": [1]}, "did you mean 'seeds'"),
        ({"pairs": {"a": {"target": "x"}}}, "pairs.a.sources: is missing"),
        ({"pairs": {"a": PAIR["studio-cctv"] | {"scored": ["hapiness", "fear"]}}}, "happiness"),
        ({"pairs": {"a": PAIR["studio-cctv"] | {"scored": ["fear", "contempt"]}}}, "contempt is not among"),
    ],
)
def test_mistakes_are_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        table(**given)


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    for text in ("[1, 2", "- a\n- b", ""):
        (tmp_path / "t.yaml").write_text(text)
        with pytest.raises(UserError, match=r"t\.yaml"):
            read_table(tmp_path / "t.yaml")
    with pytest.raises(UserError, match=r"no\.yaml"):
        read_table(tmp_path / "no.yaml")
