"""`ferda prepare`: what is read, and what a user is told before the work begins."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.data import prepare as module
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


def test_the_cost_is_told_before_the_work_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WORTH_A_PILOT", 7)
    jaffe(tmp_path / "faces")
    words = (tmp_path / "faces", "--out", tmp_path / "pack", *PLAIN)
    said = run(*words).stderr.splitlines()
    told = "7 pictures, 16 px: 9.6 kB, about 10 seconds (from 5 of them)."
    assert said[:2] == [f"{tmp_path / 'faces'}: 7 pictures without labels.", told]
    assert "about" not in run(*words).stderr, "it is there already"
    monkeypatch.setattr(module, "WORTH_A_PILOT", 8)
    assert "about" not in run(*words, "--size", 17, "--force").stderr, "few pictures need no warning"


def test_a_dry_run_tells_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    jaffe(tmp_path / "faces")
    words = ("jaffe", "--root", tmp_path / "faces", "--out", tmp_path / "deep" / "pack", *PLAIN, "--dry-run")
    result = run(*words, "--workers", 2)
    assert (
        result.exit_code == 0 and "JAFFE" in result.stderr and "other numbers than published" in result.stderr
    )
    assert result.stdout == "7 pictures, 16 px: 9.6 kB, about 10 seconds with 2 workers (from 5 of them).\n"
    document = json.loads(run(*words, "--json").stdout)
    assert (document["total"], document["bytes"], document["workers"]) == (7, 7 * (16 * 16 * 3 + 600), 0)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=9_000))
    result = run(*words)
    assert result.exit_code == 2 and "needs 9.6 kB, and" in result.stderr and "7 pictures" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["faces"]


def test_ctrl_c_says_how_to_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    jaffe(tmp_path / "faces")
    monkeypatch.setattr(module, "_fill", interrupt)
    result = run(tmp_path / "faces", "--out", tmp_path / "pack", *PLAIN)
    assert result.exit_code == 130 and "the same command again to go on" in result.stderr
    assert (tmp_path / ".pack.partial").is_dir() and not (tmp_path / "pack").exists()
