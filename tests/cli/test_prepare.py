"""`ferda prepare`: what is read, and what a user is told before the work begins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.data.pack import Pack

PLAIN = ("--crop", "whole", "--no-detect", "--size", 16, "--sheet", "none")


def jaffe(root: Path) -> None:
    """A few faces of JAFFE, as its owner names them."""
    root.mkdir()
    for number, code in enumerate(("AN", "DI", "FE", "HA", "NE", "SA", "SU"), 39):
        Image.new("L", (8, 8), 3 * number).save(root / f"KA.{code}1.{number}.tiff")


def run(*words: Any) -> Result:
    return CliRunner().invoke(app, ["prepare", *map(str, words)])


@pytest.mark.parametrize("typed", ["JAFFE", "Jaf_fe"])
def test_a_data_set_is_known_however_it_is_spelled(
    typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    jaffe(tmp_path / "faces")
    result = run(typed, "--out", "pack", *PLAIN)
    assert result.exit_code == 2 and "prepare jaffe --root FOLDER" in result.stderr
    assert run(typed, "--root", "faces", "--out", "pack", *PLAIN).exit_code == 0
    assert Pack.open(tmp_path / "pack").description["dataset"] == "jaffe"


def test_a_folder_of_that_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    jaffe(tmp_path / "JAFFE")
    assert run("JAFFE", "--out", "pack", *PLAIN).exit_code == 0
    assert "dataset" not in Pack.open(tmp_path / "pack").description


def test_a_name_nearly_right_is_offered(tmp_path: Path) -> None:
    result = run("raf-bd", "--root", tmp_path, "--out", tmp_path / "pack")
    assert result.exit_code == 2 and "did you mean 'raf-db'" in result.stderr
    result = run("jaffe", "--root", tmp_path, "--out", tmp_path / "pack", "--class-order", "osa")
    assert result.exit_code == 2 and "has no option 'class_order'" in result.stderr
