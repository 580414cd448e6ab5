"""`ferda adapt`: what it prints, what it refuses, and that the commands of its page run."""

from __future__ import annotations

import json
import runpy
import shlex
import shutil
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ferda.adaptation import ways
from ferda.cli.main import app

RUN = runpy.run_path(str(Path(__file__).parents[1] / "test_time" / "a_run.py"))
PAGE = Path(__file__).parents[2] / "docs" / "adapting.md"


def ferda(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUN["make_run"](tmp_path_factory.mktemp("adapt_verb"))


def test_machines_read_json(place: Path, tmp_path: Path) -> None:
    words = ("adapt", place / "run", "--target", place / "target", "--out", tmp_path / "new")
    result = ferda(*words, "--json")
    assert result.exit_code == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["kept_old"] is False and told["folder"] == str(tmp_path / "new")
    assert told["sentences"][0] in result.stderr
    again = ferda(*words)
    assert again.exit_code == 2 and "holds something already" in again.stderr


def test_too_few_faces_are_one_sentence(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    result = ferda("adapt", place / "run", "--target", place / "photos", "--out", tmp_path / "new")
    assert result.exit_code == 2 and not (tmp_path / "new").exists()
    assert "gives 10 faces, and adapting takes at least 20" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_the_commands_of_the_page_run(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(ways, "fit", partial(ways.fit, changes=["training.epochs=1"]))
    shutil.copytree(place / "run", tmp_path / "runs" / "hall")
    for name in ("data/hall-test", "data/hall"):
        shutil.copytree(place / "target", tmp_path / name)
    shutil.copytree(place / "photos", tmp_path / "photos" / "new")
    for file in list((tmp_path / "photos" / "new").iterdir()):
        for number in range(2):
            shutil.copy(file, file.with_name(f"{number}{file.name}"))
    lines = PAGE.read_text().splitlines()
    commands = [line.removeprefix("$ ferda ") for line in lines if line.startswith("$ ferda ")]
    assert len(commands) >= 4
    for command in commands:
        result = ferda(*shlex.split(command))
        assert result.exit_code == 0, f"{command}: {result.stderr}"
