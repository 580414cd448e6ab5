"""`ferda prepare`: crops by name, rows that are not kept, sheets, and the command in the pack."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.faces.crop_names import CROPS


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for row, name in enumerate(("happy", "sad", "fear")):
        (tmp_path / "my photos" / name).mkdir(parents=True)
        noise = np.random.default_rng(row).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / "my photos" / name / "a.png")
    return tmp_path / "my photos"


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["prepare", *map(str, words)])


def test_the_command_is_kept_without_what_changes_nothing(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = (photos, "--out", out, "--crop", "ddamfn", "--size", 16, "--no-detect")
    options = ("--option", "unknown=unlabelled", "one_class=true")
    result = run(*words, *options, "--workers", 0, "--force", "--json")
    assert result.exit_code == 0, result.stderr
    summary, description = json.loads(result.stdout), json.loads((out / "pack.json").read_text())
    assert description["command"] == (
        "ferda prepare 'my photos' --out out --crop ddamfn --size 16 --no-detect "
        "--option unknown=unlabelled one_class=true"
    )
    assert description["crop"]["kind"] == "retinaface5pose" and description["crop"]["truncate_landmarks"]
    assert description["edition"] >= 2 and set(description["versions"]) >= {"numpy", "pillow", "torch"}
    assert summary["sheets"] == str(out / "sheets") and (out / "sheets" / "happiness.png").is_file()


def test_sheets_can_be_left_out(photos: Path, tmp_path: Path) -> None:
    rest = ("--crop", "whole", "--size", 16, "--no-detect", "--sheet", "none")
    assert run(photos, "--out", tmp_path / "out", *rest).exit_code == 0
    assert not (tmp_path / "out" / "sheets").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--crop", "affectnet-swaped"), "did you mean 'affectnet-swapped'"),
        (("--keep", "best"), "--keep is all or faces or good"),
        (("--sheet", "no"), "--sheet is none or faces or points"),
    ],
)
def test_a_word_that_is_no_choice_is_said(
    photos: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    result = run(photos, "--out", tmp_path / "out", *words)
    assert result.exit_code == 2 and said in result.stderr
    assert not (tmp_path / "out").exists()


def test_every_crop_is_in_the_help_and_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
    words = " ".join(run("--help").stdout.replace("│", " ").split())
    for name in CROPS:
        assert f"| `{name}` |" in page and f"{name}:" in words, name
