"""The main job as a user does it: real files, and a real process for training, from pictures to a table."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.synthetic.embedded import embedded_files

#: Pictures of the camera.
COUNT = 16


def ferda(*words: object) -> str:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.stderr
    return result.stdout


def process(*words: object, cwd: Path) -> str:
    command = [sys.executable, "-m", "ferda", *map(str, words)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_raw_pictures_to_a_table_of_predictions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pictures, table = embedded_files("street")
    with zipfile.ZipFile(pictures) as archive:
        archive.extractall(tmp_path / "raw")
    rows = pd.read_csv(table)
    unlabelled = tmp_path / "camera"
    unlabelled.mkdir()
    for file in rows["file"][:COUNT]:
        (tmp_path / "raw" / file).rename(unlabelled / Path(file).name)
    # every eighth: faces are looked for in each
    rows[COUNT::8].to_csv(tmp_path / "raw" / "labels.csv", index=False)

    ferda("prepare", "raw/labels.csv", "--out", "packs/street", "--crop", "whole", "--size", 48)
    ferda("prepare", "camera", "--out", "packs/camera", "--crop", "whole", "--size", 48)
    small = ["training.epochs=1", "training.epoch_steps=8", "training.score_rows=64"]
    words = ["--sources", "packs/street", "synthetic:studio", "--target", "packs/camera", "--out", "runs/x"]
    fitted = json.loads(process("fit", "mcc", *words, "--set", *small, "--json", cwd=tmp_path))
    assert fitted["kept"][0]["selected"] == "im"

    ferda("evaluate", "runs/x", "--on", "packs/street@test", "--out", "report")
    page = (tmp_path / "report" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    ferda("predict", "runs/x", "camera", "--out", "faces.csv", "--draw", "drawn")
    faces = pd.read_csv(tmp_path / "faces.csv")
    assert faces["input"].nunique() == COUNT
    shares = faces.filter(like="p_").dropna()
    assert len(shares) > COUNT / 2
    assert ((shares.sum(axis=1) - 1).abs() < 1e-3).all()
    assert len(list((tmp_path / "drawn").iterdir())) == COUNT
