"""`--adapt` of evaluate and predict, and the page that shows them, on a small run."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import shutil
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.test_time import list_adaptations

RUN = runpy.run_path(str(Path(__file__).parents[1] / "test_time" / "a_run.py"))
PAGE = Path(__file__).parents[2] / "docs" / "test-time.md"


def ferda(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUN["make_run"](tmp_path_factory.mktemp("a_run"))


def test_the_report_names_the_adaptation(place: Path, tmp_path: Path) -> None:
    words = ("evaluate", place / "run", "--on", place / "target", "--adapt", "tent", "--seed", 4)
    result = ferda(*words, "--batch", 16, "--out", tmp_path)
    assert result.exit_code == 0, result.stderr
    how = "tent: adapted to the faces as they were answered, 16 at a time in random order (seed 4)"
    assert f"target, {how}" in result.stderr
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["model"] == "source_only + tent" and metrics["notes"][how] == 80
    page = (tmp_path / "report.html").read_text()
    assert how in page and "source_only + tent" in page


def test_settings_reach_the_adaptation(place: Path) -> None:
    words = ("evaluate", place / "run", "--on", place / "target", "--json")
    plain = json.loads(ferda(*words).stdout)
    equal = ferda(*words, "--adapt", "prior_shift", "--set", "shares=[0.05, 0.9, 0.05]")
    assert "shares of the classes given" in equal.stderr, equal.stderr
    assert json.loads(equal.stdout)[0]["scores"]["nll"] != plain[0]["scores"]["nll"]
    assert ferda(*words, "--set", "rate=1").exit_code == 2


@pytest.mark.parametrize("name", list_adaptations())
def test_predict_adapts_and_says_so(place: Path, name: str) -> None:
    result = ferda("predict", place / "run", place / "photos", "--adapt", name, "--json")
    assert result.exit_code == 0, result.stderr
    rows = pd.DataFrame(json.loads(result.stdout))
    assert len(rows) == 10 and rows.filter(like="p_").sum(axis=1).between(0.999, 1.001).all()
    assert f"{name}: adapted to the faces as they were answered, at most 64 at a time" in result.stderr


def test_mistakes_are_said(place: Path, tmp_path: Path) -> None:
    words = ("predict", place / "run", place / "photos")
    for more, sentence in (
        (("--adapt", "tnet"), "did you mean 'tent'"),
        (("--adapt", "tent", "--precision", "bf16"), "leave --precision out"),
        (("--adapt", "prior_shift", "--draw", tmp_path), "leave --draw and --smooth out"),
    ):
        result = ferda(*words, *more)
        assert result.exit_code == 2 and sentence in result.stderr


def test_the_commands_of_the_page_work(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(place / "run", "runs/hall")
    shutil.copytree(place / "target", "data/hall-test")
    shutil.copytree(place / "photos", "photos/new")
    commands = re.findall(r"^\$ (ferda .*)$", PAGE.read_text(), re.M)
    assert len(commands) >= 4
    for command in commands:
        result = ferda(*shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}\n{result.stderr}"
