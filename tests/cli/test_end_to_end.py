"""The main job as a user does it: real processes, real files, from pictures to a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from ferda.synthetic.embedded import embedded_files


def ferda(*words: object, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ferda", *map(str, words)],
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_raw_pictures_to_a_table_of_predictions(tmp_path: Path) -> None:
    pictures, table = embedded_files("street")
    with zipfile.ZipFile(pictures) as archive:
        archive.extractall(tmp_path / "raw")
    rows = pd.read_csv(table)
    unlabelled = tmp_path / "camera"
    unlabelled.mkdir()
    for file in rows["file"][:40]:
        (tmp_path / "raw" / file).rename(unlabelled / Path(file).name)
    # every fifth: faces are looked for in each
    kept = rows[40::5].copy()
    kept.to_csv(tmp_path / "raw" / "labels.csv", index=False)

    ferda("prepare", "raw/labels.csv", "--out", "packs/street", "--crop", "whole", "--size", 48, cwd=tmp_path)
    ferda("prepare", "camera", "--out", "packs/camera", "--crop", "whole", "--size", 48, cwd=tmp_path)
    small = ["training.epochs=1", "training.epoch_steps=8", "training.score_rows=64"]
    words = ["--sources", "packs/street", "synthetic:studio", "--target", "packs/camera", "--out", "runs/x"]
    fitted = json.loads(ferda("fit", "mcc", *words, "--set", *small, "--json", cwd=tmp_path))
    assert fitted["kept"][0]["selected"] == "im"

    ferda("evaluate", "runs/x", "--on", "packs/street@test", "--out", "report", cwd=tmp_path)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "http://" not in page.replace("http://www.w3.org", "")
    ferda("predict", "runs/x", "camera", "--out", "faces.csv", "--draw", "drawn", cwd=tmp_path)
    faces = pd.read_csv(tmp_path / "faces.csv")
    assert faces["input"].nunique() == 40
    shares = faces.filter(like="p_").dropna()
    assert len(shares) > 20
    assert ((shares.sum(axis=1) - 1).abs() < 1e-3).all()
    assert len(list((tmp_path / "drawn").iterdir())) == 40
