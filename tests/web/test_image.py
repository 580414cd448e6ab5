"""What the Dockerfile says is so, as far as it can be known without building it."""

from __future__ import annotations

import json
import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from typer.main import get_command

from ferda.cli.main import app


@pytest.fixture(scope="module")
def steps(project: Path) -> list[tuple[str, str]]:
    """Words and the rest of each instruction, of both stages."""
    text = re.sub(r"\\\n\s*", "", (project / "Dockerfile").read_text())
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line and line[0] != "#"]


def said(steps: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for first, rest in steps if first == word]


def test_images_have_a_version(steps: list[tuple[str, str]]) -> None:
    for image in said(steps, "FROM"):
        assert re.fullmatch(r"python:3\.\d+-[a-z-]+( AS \w+)?", image), image


def test_what_is_copied_exists_and_is_let_in(steps: list[tuple[str, str]], project: Path) -> None:
    rules = (project / ".dockerignore").read_text().split()
    assert rules[0] == "*"
    copied = [rest.split()[:-1] for rest in said(steps, "COPY") if not rest.startswith("--from=")]
    assert copied
    for name in [word for words in copied for word in words]:
        assert (project / name).exists() and f"!{name}" in rules
    assert not [rule for rule in rules if fnmatch("src/ferda/web/static/index.html", rule) and rule != "*"]
    assert not said(steps, "ADD"), "ADD would also fetch and unpack"


def test_it_runs_as_an_ordinary_user_and_says_how_it_is(
    steps: list[tuple[str, str]], client: TestClient
) -> None:
    first_lines = [word for word, _ in steps]
    assert first_lines.index("USER") > len(first_lines) - 1 - first_lines[::-1].index("COPY")
    assert "--uid 10001" in " ".join(said(steps, "RUN")) and said(steps, "USER") == ["10001:10001"]
    (check,) = said(steps, "HEALTHCHECK")
    path = re.search(r"http://127\.0\.0\.1:8000(/\w+)", check)[1]
    assert client.get(path).status_code == 200
    assert not re.search(r"(?i)token|secret|password", " ".join(said(steps, "ENV")))


def test_the_command_is_understood_and_the_extra_exists(steps: list[tuple[str, str]], project: Path) -> None:
    words = json.loads(said(steps, "ENTRYPOINT")[0]) + json.loads(said(steps, "CMD")[0])
    assert words[:2] == ["ferda", "serve"]
    options = get_command(app).commands["serve"].make_context("serve", words[2:]).params
    assert (
        str(options["folder"]) == said(steps, "VOLUME")[0]
        and str(options["port"]) == said(steps, "EXPOSE")[0]
    )
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    extra = re.search(r'"\.\[(\w+)\]"', " ".join(said(steps, "RUN")))[1]
    assert extra in about["optional-dependencies"]
