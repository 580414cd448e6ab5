from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.engine.recipe import recipe_for
from ferda.engine.run import next_folder
from ferda.errors import UserError


def test_what_is_typed_lies_over_the_recipe(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        yaml.safe_dump({"method": {"name": "dann", "critic_hidden": 64}, "training": {"epochs": 7}})
    )
    recipe = recipe_for("dann", file, changes=["training.batch=3"])
    assert recipe.method.settings == {"critic_hidden": 64}
    assert (recipe.training.epochs, recipe.training.batch) == (7, 3)


def test_settings_of_another_method_are_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        yaml.safe_dump({"method": {"name": "dann", "critic_hidden": 64}, "training": {"epochs": 7}})
    )
    recipe = recipe_for("source_only", file)
    assert (recipe.method.name, recipe.method.settings, recipe.training.epochs) == ("source_only", {}, 7)


def test_a_method_without_a_recipe_has_defaults(tmp_path: Path) -> None:
    own = tmp_path / "own.py"
    own.write_text("from ferda.methods.base import Method\n\n\nclass Own(Method):\n    pass\n")
    assert recipe_for(str(own)).method.name == str(own)


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(UserError, match="dann"):
        recipe_for("dan_n")


def test_a_new_run_gets_a_new_folder(tmp_path: Path) -> None:
    assert next_folder(tmp_path, "dann").name == "dann-1"
    (tmp_path / "dann-1").mkdir()
    assert next_folder(tmp_path, "dann").name == "dann-2"


def test_all_mistakes_of_a_command_line_come_together(tmp_path: Path) -> None:
    words = [
        "fit",
        "dann",
        "--sources",
        "x",
        "--set",
        "training.epochz=1",
        "training.rate=fast",
        "--out",
        str(tmp_path / "r"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert (
        "epochz" in result.stderr
        and "did you mean 'epochs'" in result.stderr
        and "training.rate" in result.stderr
    )
    assert not (tmp_path / "r").exists()


def test_odd_names_of_domains_reach_the_recipe(tmp_path: Path) -> None:
    words = ["fit", "dann", "--sources", "a: b", "it's [c]", "--target", "#d", "--out", str(tmp_path / "r")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2 and "a: b" in result.stderr


def test_a_run_that_never_began_is_in_nobodys_way(tmp_path: Path) -> None:
    for source in ("nope", "neither"):
        result = CliRunner().invoke(
            app, ["fit", "source_only", "--sources", source, "--out", str(tmp_path / "r")]
        )
        assert result.exit_code == 2 and f"nothing at {source}" in result.stderr
