"""No page may show a command that does not exist, nor a Python name that is not there."""

import ast
import re
import runpy
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import ferda
from ferda.cli.main import app
from ferda.methods import list_methods

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: What only looks something up is run; the rest is parsed here, and run on small data in test_story.py.
CHEAP = ("--help", "--version", "methods", "show", "doctor", "datasets")


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S):
            yield page.name, block


COMMANDS = sorted(
    {line[2:] for _, block in blocks("console") for line in block.splitlines() if line.startswith("$ ")}
)
OURS = [command for command in COMMANDS if command.startswith("ferda ")]


def parse(words: list[str]) -> None:
    """Let the command line read the words without doing what they say."""
    verbs: Any = get_command(app).commands
    verbs[words[0]].make_context(words[0], words[1:])


def test_there_are_commands() -> None:
    assert len(OURS) > 10 and "make demo" in COMMANDS and "make test" in COMMANDS


def test_nothing_else_is_shown_as_a_command() -> None:
    assert [command for command in COMMANDS if not command.startswith(("ferda ", "make "))] == []
    bare = [
        (page, line) for page, block in blocks("console") for line in block.splitlines() if line[:2] != "$ "
    ]
    assert bare == [], "a console block holds commands alone, each behind '$ '"


def test_commands_stand_in_console_blocks() -> None:
    hidden = [page for language in ("bash", "sh", "shell") for page, _ in blocks(language)]
    assert hidden == [], "write ```console and '$ ', then the command is checked"


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("make ")])
def test_make_has_the_target(command: str) -> None:
    for target in command.split()[1:]:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


@pytest.mark.parametrize("command", OURS)
def test_the_command_line_understands(command: str) -> None:
    words = shlex.split(command)[1:]
    if any(word in CHEAP for word in words):
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0 and result.stdout, result.stderr
    else:
        parse(words)


def test_a_wrong_command_would_be_noticed() -> None:
    for words in (["fit", "dann", "--sorces", "a"], ["fit", "dann", "more"], ["evaluate"]):
        with pytest.raises(Exception, match=r".") as caught:
            parse(words)
        assert getattr(caught.value, "exit_code", 0) == 2


@pytest.mark.parametrize("verb", ["methods", "show", "fit"])
def test_methods_that_are_shown_exist(verb: str) -> None:
    named = {shlex.split(command)[2] for command in OURS if command.startswith((f"ferda {verb} ",))}
    assert {name for name in named if not name.startswith("-")} <= set(list_methods())


@pytest.mark.parametrize(("page", "block"), list(blocks("python")))
def test_python_names_exist(page: str, block: str) -> None:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "ferda":
            assert hasattr(ferda, node.attr), f"{page} uses ferda.{node.attr}"


def test_recipes_and_tables_that_are_shown_are_right() -> None:
    import yaml

    from ferda.benchmarking.reading import parse_table
    from ferda.engine.recipe import load_recipe, parse_recipe
    from ferda.tuning.space_reading import parse_space

    shown = [yaml.safe_load(block) for _, block in blocks("yaml")]
    spaces = [raw for raw in shown if "space" in raw]
    assert [parse_space(raw["space"], load_recipe("dann")) for raw in spaces]
    rest = [raw for raw in shown if raw not in spaces]
    assert [parse_table(raw) if "methods" in raw else parse_recipe(raw) for raw in rest]


def test_the_readme_names_every_method() -> None:
    hook = runpy.run_path(str(ROOT / "docs" / "_hooks" / "methods_page.py"))
    text = (ROOT / "README.md").read_text()
    assert hook["with_methods"](text) == text, "run 'make docs', it writes the README's table of methods"
    assert all(f"| `{name}` |" in text for name in list_methods())


def test_links_between_pages_lead_somewhere() -> None:
    for page in PAGES:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists() or link.startswith("benchmarks/"), f"{page.name}: {link}"
