from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ferda.engine.recipe import Recipe, list_recipes, load_recipe
from ferda.errors import UserError
from ferda.methods import list_methods
from ferda.tuning.default_space import default_space
from ferda.tuning.space import Space
from ferda.tuning.space_reading import parse_space, read_space


def setting_of(recipe: Recipe, key: str, given: Any) -> Any:
    return parse_space({key: given}, recipe).settings[0]


def test_a_range_is_whole_where_the_setting_is(recipe: Recipe) -> None:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    cases = [
        ("method.critic_hidden", {"low": 8, "high": 64, "step": 8}, IntDistribution(8, 64, step=8)),
        ("training.batch", {"low": 8, "high": 64, "log": True}, IntDistribution(8, 64, log=True)),
        ("method.adversarial_weight", {"low": 0, "high": 2}, FloatDistribution(0, 2)),
        (
            "training.rate",
            {"low": "1e-4", "high": 1e-2, "log": True},
            FloatDistribution(1e-4, 1e-2, log=True),
        ),
        ("training.clip", [None, 1, 5], CategoricalDistribution([None, 1, 5])),
    ]
    for key, given, expected in cases:
        assert setting_of(recipe, key, given).distribution() == expected


def test_drawn_values_are_laid_over_the_recipe(recipe: Recipe) -> None:
    schedules = [{"kind": "cosine"}, {"kind": "decay", "every": 5, "by": 0.1}]
    space = parse_space(
        {
            "training.schedule": schedules,
            "training.rate": {"low": 1e-6, "high": 1},
            "training.clip": [None, 5],
        },
        recipe,
    )
    named = {str(setting.key): list(setting.distribution().choices) for setting in space.settings[::2]}
    drawn = {"training.schedule": named["training.schedule"][1], "training.rate": 1e-5, "training.clip": None}
    found = space.lay_over(recipe, drawn)
    assert found.training.schedule.kind == "decay"
    assert found.training.rate == 1e-5
    assert found.training.clip is None
    assert found.data == recipe.data


def test_a_small_number_stays_one_where_anything_may_stand(recipe: Recipe) -> None:
    space = parse_space({"method.backbone_options.rate": [1e-5, 1e-6]}, recipe)
    found = space.lay_over(recipe, {"method.backbone_options.rate": 1e-5})
    assert found.method.settings["backbone_options"]["rate"] == 1e-5


MISTAKES = {
    "training.lr": [1e-3, 1e-2],
    "training.rate": {"low": 0.1, "high": 0.01},
    "training.decay": {"low": 0, "hihg": 1},
    "training.optimiser": ["adamw", "sdg"],
    "training.momentum": {"low": 0.5, "high": 1.5},
    "method.advesarial_weight": [0.1, 1],
    "method.critic_hidden": {"low": 0.5, "high": 64},
    "method.critic_rate": [1.0],
    "training.stages.adopt.rate": [0.1, 0.2],
    "training.select": ["im", "snd"],
    "data.target": ["a", "b"],
    "method.backbone_options.download": [True, False],
    "training.epochs": 5,
}


def test_all_mistakes_are_told_at_once(recipe: Recipe) -> None:
    with pytest.raises(UserError) as caught:
        parse_space(MISTAKES | {"training.batch": [16, 32]}, recipe)
    said = str(caught.value)
    assert "training.batch" not in said
    for key in MISTAKES:
        assert f"\n  {key.removesuffix('.rate') if 'stages' in key else key}" in said, key
    expected = (
        "advesarial_weight: unknown key (did you mean 'adversarial_weight'?)",
        "training.rate: low must be less than high",
        "training.decay.hihg: unknown key (did you mean 'high'?)",
        "training.optimiser: 'sdg' is not one of 'sgd', 'adam' or 'adamw' (did you mean 'sgd'?)",
        "training.select: decides what a score is",
        "at least two different values",
    )
    for words in expected:
        assert words in said
    assert "mistakes" in said.splitlines()[0]


def test_a_setting_that_changes_nothing_is_refused() -> None:
    recipe = load_recipe("agra_paper")
    with pytest.raises(UserError, match=r"training.rate: every stage .* training.stages.adapt.rate instead"):
        parse_space({"training.rate": [0.1, 0.2]}, recipe)
    parse_space({"training.stages.adapt.rate": [0.1, 0.2]}, recipe)


def test_a_file_holds_one_table(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "right.yaml").write_text("space:\n  training.rate: {low: 1e-4, high: 1e-2, log: true}\n")
    assert isinstance(read_space(tmp_path / "right.yaml", recipe), Space)
    for name, text, words in (
        ("other.yaml", "training.rate: [1, 2]", "one table, 'space'"),
        ("empty.yaml", "space: {}", "is empty"),
        ("broken.yaml", "space: [", "not valid YAML"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match=words):
            read_space(tmp_path / name, recipe)
    with pytest.raises(UserError, match="Cannot read"):
        read_space(tmp_path / "none.yaml", recipe)


def test_the_recipe_itself_is_a_trial_if_the_space_holds_it(recipe: Recipe) -> None:
    inside = {"training.rate": {"low": 0.001, "high": 0.1}, "training.schedule": ["SAME", {"kind": "cosine"}]}
    inside["training.schedule"][0] = recipe.to_dict()["training"]["schedule"]
    space = parse_space(inside, recipe)
    own = space.own_values(recipe)
    assert own is not None
    assert own["training.rate"] == 0.01
    assert space.lay_over(recipe, own).training == recipe.training
    assert parse_space({"training.rate": [1, 2]}, recipe).own_values(recipe) is None
    stage = parse_space({"training.stages.adapt.rate": {"low": 0.001, "high": 0.1}}, recipe)
    assert stage.own_values(recipe) == {"training.stages.adapt.rate": 0.01}


@pytest.mark.parametrize("name", sorted({*list_methods(), "agra_paper"} & set(list_recipes())))
def test_every_method_has_a_space_of_its_own(name: str) -> None:
    recipe = load_recipe(name)
    space = parse_space(default_space(recipe), recipe)
    keys = [setting.key for setting in space.settings]
    assert any(key.endswith("rate") for key in keys)
    assert all(key.startswith(("training.", "method.")) for key in keys)
    assert space.own_values(recipe) is not None, "the recipe lies in the middle"


def test_the_default_space_is_rate_and_weights() -> None:
    keys = {
        name: set(default_space(load_recipe(name))) for name in ("dann", "osa", "agra_paper", "source_only")
    }
    assert keys["dann"] == {"training.rate", "method.adversarial_weight"}, "a loss without weight stays out"
    assert {"method.lam1", "method.lam2"} <= keys["osa"]
    stages = {"training.stages.source.rate", "training.stages.adapt.rate"}
    assert keys["agra_paper"] == {*stages, "method.adversarial_weight"}
    assert keys["source_only"] == {"training.rate"}
