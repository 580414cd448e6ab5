"""The pages for users of the original programs: their recipes, settings and readers' options exist."""

from __future__ import annotations

import inspect
import re
import shlex
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from ferda.cli.fit import _start
from ferda.cli.main import app
from ferda.cli.prepare import reader_options
from ferda.data.readers import READERS
from ferda.data.readers.words import Words
from ferda.engine.recipe import Recipe, parse_recipe, recipe_for
from ferda.errors import UserError
from ferda.expressions import class_order
from ferda.methods import method_class

FOLDER = Path(__file__).parents[2] / "docs" / "coming-from"
PAGES = sorted(FOLDER.glob("*.md"))
SETTING = re.compile(r"`((?:method|data|training)\.[\w.]+=[^`]+)`")


def commands(page: Path, verb: str) -> list[dict[str, Any]]:
    """Parameters of every command of a verb, as the command line understands them."""
    lines = re.findall(rf"^\$ ferda {verb} (.*)$", page.read_text(encoding="utf-8"), re.M)
    command = get_command(app).commands[verb]  # type: ignore[attr-defined]
    return [command.make_context(verb, shlex.split(line)).params for line in lines]


@cache
def recipes(page: Path) -> list[Recipe]:
    """The resolved recipe of every `ferda fit` of a page; raises where one has a mistake."""
    return [
        recipe_for(
            given["method"],
            given["recipe"],
            sources=given["sources"] or (),
            target=given["target"],
            changes=[*_start(given["weights"], False), *(given["changes"] or [])],
        )
        for given in commands(page, "fit")
    ]


def test_every_system_has_its_page() -> None:
    names = ["aglrls", "agra", "ddamfn", "diversified-fer", "esr", "la-cmfer", "ma-net", "osa"]
    assert [page.stem for page in PAGES] == names
    nav = (FOLDER.parents[1] / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f"coming-from/{name}.md" in nav for name in names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_trainings_have_right_recipes(page: Path) -> None:
    found = recipes(page)
    assert len(found) > 2
    for recipe in found:
        needs_target = method_class(recipe.method.name).needs.target
        assert bool(recipe.data.target) == needs_target, f"{page.name}: {recipe.method.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_settings_in_tables_exist(page: Path) -> None:
    """Each `method.x=y` is understood by a method of the page, laid over one of the page's recipes."""
    raws = [recipe.to_dict() for recipe in recipes(page)]
    settings = SETTING.findall(page.read_text(encoding="utf-8"))
    assert settings
    for setting in settings:
        said = []
        for raw in raws:
            try:
                parse_recipe(raw, [setting])
                break
            except UserError as error:
                said.append(str(error))
        else:
            pytest.fail(f"{page.name}: {setting} is no setting of its methods: {said[0]}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_recipes_in_tables_exist(page: Path) -> None:
    methods = {recipe.method.name for recipe in recipes(page)}
    prefixes = tuple(f"{method}_" for method in methods)
    for word in re.findall(r"`([a-z_0-9]+)`", page.read_text(encoding="utf-8")):
        if word.startswith(prefixes) and word not in methods:
            assert recipe_for(next(m for m in methods if word.startswith(f"{m}_")), word)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_prepare_says_what_a_reader_knows(page: Path) -> None:
    known = {name for read in READERS.values() for name in inspect.signature(read).parameters}
    prepared = commands(page, "prepare")
    assert prepared
    for given in prepared:
        options = reader_options(given["options"] or [])
        assert options.keys() <= known, f"{page.name}: {options}"
        order = class_order(given["class_order"]) if given["class_order"] else None
        Words(options.get("names"), options.get("numbering"), order)
