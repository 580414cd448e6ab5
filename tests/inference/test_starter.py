"""The model of the package answers at once, says what it is, and tells nothing of its maker's machine."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest
from PIL import Image
from skimage import data
from typer.testing import CliRunner

import ferda
from ferda.cli.main import app
from ferda.engine.checkpoint import read_metadata
from ferda.weights import starter_file

ROOT = Path(__file__).parents[2]


@pytest.fixture
def astronaut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A photograph of a laughing astronaut, by NASA, free of rights."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(data.astronaut()).save(tmp_path / "photo.jpg")
    return tmp_path / "photo.jpg"


def test_a_photo_is_all_that_predict_needs(astronaut: Path) -> None:
    result = CliRunner().invoke(app, ["predict", astronaut.name, "--json"])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout)
    assert row["expression"] == "happiness" and row["confidence"] > 0.8 and row["detection_score"] > 0.99


def test_it_loads_by_name_and_by_no_name(astronaut: Path) -> None:
    named, unnamed = ferda.load("starter"), ferda.load()
    (one,), (other,) = named(astronaut), unnamed(astronaut)
    assert one.probabilities == other.probabilities and one.expression == "happiness"
    (astronaut.parent / "starter").mkdir()
    with pytest.raises(ferda.UserError, match=r"no best\.safetensors"):
        ferda.load("starter")  # what is here has the name


def test_it_is_small_and_names_no_folder_of_its_maker() -> None:
    assert starter_file().stat().st_size < 5e6
    text = json.dumps(read_metadata(starter_file()))
    assert not re.search(r'"(/|[A-Z]:)', text) and '"sources": ["fer2013"]' in text
    settings = read_metadata(starter_file())["recipe"]["training"]
    recipe = (ROOT / "pretrain" / "recipe.yaml").read_text()
    assert f"epochs: {settings['epochs']}\n" in recipe and f"ema: {settings['ema']}\n" in recipe


def test_its_card_has_the_numbers_that_were_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "pretrain"))
    card = runpy.run_path(str(ROOT / "pretrain" / "card.py"))
    found = json.loads(starter_file().with_suffix(".json").read_text())
    page = (ROOT / "docs" / "starter.md").read_text()
    assert card["with_numbers"](page, found) == page, "run 'python pretrain/card.py'"
    assert f"| {found['measured']['LFW']['macro_recall']:.3f} |" in page
    assert found["temperature"] == read_metadata(starter_file())["temperature"]
