"""`ferda explain`: a folder of sheets with a page, and one JSON document."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.faces.crops import CropRule
from ferda.methods import method_class

CLASSES = ("anger", "happiness", "neutral")
SETTINGS = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [16, 16]}, "branch_width": 8}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    kind = method_class("mfsan")
    shown = Preprocessing(CropRule("whole", size=48, detect=False), 32, (0.5,) * 3, (0.25,) * 3)
    save_weights(
        folder / "best.safetensors",
        kind(kind.Config(**SETTINGS), len(CLASSES), 2),
        name="mfsan",
        settings=SETTINGS,
        classes=CLASSES,
        preprocessing=shown,
    )
    noise = np.random.default_rng(0).integers(0, 256, (50, 60, 3), dtype=np.uint8)
    (folder / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(noise).save(folder / "photos" / name)
    (folder / "photos" / "c.png").touch()
    return folder


def ferda(*words: object) -> Result:
    return CliRunner().invoke(app, list(map(str, words)))


def test_pictures_become_sheets_and_a_page(run: Path, tmp_path: Path) -> None:
    result = ferda("explain", run, run / "photos", "--out", tmp_path / "why")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "why").iterdir()) == ["a.png", "b.png", "explain.html"]
    page = (tmp_path / "why" / "explain.html").read_text()
    assert "head 1" in page and "head 2" in page
    assert "a.png" in result.stdout and "explain.html" in result.stderr
    assert "c.png is not explained: the file is empty" in result.stderr


def test_answers_are_those_of_predict(run: Path, tmp_path: Path) -> None:
    result = ferda("explain", run, run / "photos" / "a.png", "--class", "happy", "--out", tmp_path, "--json")
    (row,) = json.loads(result.stdout)
    assert row["about"] == "happiness" and row["sheet"] == "a.png" and [*row["heads"]] == ["head_1", "head_2"]
    (predicted,) = json.loads(ferda("predict", run, run / "photos" / "a.png", "--json").stdout)
    assert row["expression"] == predicted["expression"]
    assert row["confidence"] == pytest.approx(predicted["confidence"], abs=1e-5)
    assert row["probabilities"]["anger"] == pytest.approx(predicted["p_anger"], abs=1e-5)


@pytest.mark.parametrize(
    ("words", "said"),
    [(["photos", "--class", "fear"], "not trained on fear"), (["nowhere"], "There is no picture")],
)
def test_mistakes_are_said(run: Path, tmp_path: Path, words: list[str], said: str) -> None:
    result = ferda("explain", run, run / words[0], *words[1:], "--out", tmp_path / "why")
    assert result.exit_code == 2 and said in result.stderr
