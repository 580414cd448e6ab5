"""Recipes: every mistake at once, with the nearest word; YAML there and back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.engine.recipe import Recipe, list_recipes, load_recipe, parse_recipe
from ferda.errors import UserError
from ferda.faces.crop_names import CROPS
from ferda.faces.crops import CropRule, Kind

PLAIN = {"method": {"name": "dann", "backbone": "small_cnn"}}


def test_all_mistakes_come_at_once_with_the_nearest_word() -> None:
    wrong = {
        "method": {"name": "dann", "backbon": "small_cnn", "adversarial_weight": "much"},
        "data": {"normalise": "imagnet", "clases": ["happy"], "weak": "stron"},
        "training": {"epohcs": 3, "schedule": {"kind": "cosin"}, "stages": {"adpt": {}}},
    }
    with pytest.raises(UserError) as caught:
        parse_recipe(wrong)
    message = str(caught.value)
    for part in (
        "8 mistakes",
        "method.backbon: unknown key (did you mean 'backbone'?)",
        "method.adversarial_weight",
        "did you mean 'imagenet'?",
        "data.clases: unknown key (did you mean 'classes'?)",
        "training.epohcs: unknown key (did you mean 'epochs'?)",
        "training.schedule.kind: 'cosin'",
        "no such stage",
        "did you mean 'strong'?",
    ):
        assert part in message


def test_an_unknown_method_offers_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'dann'"):
        parse_recipe({"method": {"name": "dan_n"}})


def test_a_number_in_scientific_notation_is_a_number() -> None:
    # YAML 1.1 reads 1e-3 as text
    assert yaml.safe_load("1e-3") == "1e-3"
    assert parse_recipe(PLAIN, ["training.rate=1e-3"]).training.rate == 0.001


def test_overrides_reach_every_section() -> None:
    recipe = parse_recipe(PLAIN, ["training.epochs=3", "method.dropout=0.5", "data.classes=[happy, sad]"])
    assert recipe.training.epochs == 3
    assert recipe.method.config().model_dump()["dropout"] == 0.5
    assert recipe.data.classes == ("happiness", "sadness")


@pytest.mark.parametrize("text", ["training.epochs", "=3", "training.epochs.x=3", "data.classes=[happy, sad"])
def test_a_malformed_override_is_explained(text: str) -> None:
    with pytest.raises(UserError):
        parse_recipe({**PLAIN, "training": {"epochs": 2}}, [text])


@settings(deadline=None)
@given(
    epochs=st.integers(1, 100),
    rate=st.floats(1e-6, 1, allow_nan=False),
    size=st.none() | st.integers(16, 256),
    balance=st.sampled_from(["none", "class_balanced", "class_cap", "quadrant_cap"]),
)
def test_yaml_round_trip(epochs: int, rate: float, size: int | None, balance: str) -> None:
    raw = {**PLAIN, "training": {"epochs": epochs, "rate": rate, "balance": balance}, "data": {"size": size}}
    recipe = parse_recipe(raw)
    assert parse_recipe(yaml.safe_load(recipe.to_yaml())) == recipe


def test_a_stage_takes_what_it_does_not_change_from_the_training() -> None:
    recipe = parse_recipe(PLAIN, ["training.rate=0.5", "training.stages.adapt.epochs=7"])
    stage = recipe.training.stage("adapt")
    assert (stage.rate, stage.epochs) == (0.5, 7)
    assert recipe.training.stage("other").epochs == recipe.training.epochs


@pytest.mark.parametrize("name", list_recipes())
def test_every_recipe_of_the_package_is_valid(name: str) -> None:
    assert isinstance(load_recipe(name), Recipe)


def test_a_file_that_is_no_yaml_or_no_table(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text("method: [", encoding="utf-8")
    with pytest.raises(UserError, match="not valid YAML"):
        load_recipe(path)
    path.write_text("- 1", encoding="utf-8")
    with pytest.raises(UserError, match="table"):
        load_recipe(path)
    with pytest.raises(UserError, match="no recipe"):
        load_recipe(tmp_path / "missing.yaml")


@pytest.mark.parametrize("name", CROPS)
def test_a_crop_goes_by_its_name(name: str) -> None:
    rule = parse_recipe({"method": {"name": "dann"}, "data": {"crop": name}}).data.crop
    assert rule == CropRule.from_dict(CROPS[name][0])
    again = parse_recipe(parse_recipe({"method": {"name": "dann"}, "data": {"crop": name}}).to_dict())
    assert again.data.crop == rule
    small = parse_recipe({"method": {"name": "dann"}, "data": {"crop": {"kind": name, "size": 48}}}).data.crop
    assert small is not None and small.size == 48
    if name not in get_args(Kind):
        assert replace(small, size=112) == rule


def test_a_kind_with_settings_keeps_them() -> None:
    raw = {"method": {"name": "dann"}, "data": {"crop": {"kind": "margin", "enlarge": 0.1}}}
    assert parse_recipe(raw).data.crop == CropRule("margin", enlarge=0.1)
    for crop, said in (("ddamfm", "did you mean 'ddamfn'"), ({"kind": "round"}, "'round' is not one of")):
        with pytest.raises(UserError, match=said):
            parse_recipe({"method": {"name": "dann"}, "data": {"crop": crop}})
