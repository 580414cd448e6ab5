from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from ferda.cli.main import app

SMALL = {
    "data": {"size": 32},
    "training": {"epochs": 1, "epoch_steps": 2, "batch": 8, "score_rows": 32, "precision": "fp32"},
    "pairs": {"studio-cctv": {"sources": "synthetic:studio", "target": "synthetic:cctv"}},
    "seeds": [0],
}


def ferda(*words: object) -> Result:
    return CliRunner().invoke(app, ["benchmark", *map(str, words)])


def written(folder: Path, **given: object) -> Path:
    path = folder / "small.yaml"
    path.write_text(yaml.safe_dump(SMALL | given, sort_keys=False))
    return path


@pytest.mark.slow
def test_a_table_is_trained_reported_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = written(tmp_path, methods={"source_only": {}, "bnm": {"start": "source_only"}})
    done = ferda(table, "--no-estimate", "--json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [line["row"] for line in found["methods"]] == ["source_only", "bnm"]
    assert found["missing"] == {}
    out = tmp_path / "runs" / "small"
    assert {"report.html", "table.csv", "trainings.csv", "table.tex"} <= {file.name for file in out.iterdir()}
    recipe = yaml.safe_load((out / "studio-cctv" / "bnm" / "0" / "recipe.yaml").read_text())
    assert recipe["training"]["start"] == "runs/small/studio-cctv/source_only/0"
    before = {file: file.stat().st_mtime_ns for file in out.rglob("best.safetensors")}
    again = ferda(table, "--no-estimate")
    assert again.exit_code == 0
    assert "macro recall" in again.stdout
    assert {file: file.stat().st_mtime_ns for file in out.rglob("best.safetensors")} == before
    other = ferda(written(tmp_path, methods=["source_only"], data={"size": 40}), "--no-estimate")
    assert other.exit_code == 2
    assert "followed other settings" in other.stderr


@pytest.mark.slow
def test_a_plan_tells_how_long_it_takes_and_what_cannot_work(tmp_path: Path) -> None:
    rows = {
        "source_only": {},
        "shot": {"start": "source_only"},
        "esr": {"training": {"select": "source_rmse"}},
    }
    done = ferda(written(tmp_path, methods=rows), "--out", tmp_path / "out", "--plan", "--json", "--jobs", 2)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert [one["cell"] for one in found["cells"]] == [
        "source_only on studio-cctv, seed 0",
        "shot on studio-cctv, seed 0",
    ]
    assert found["seconds"] == pytest.approx(sum(one["seconds"] for one in found["cells"]) / 2)
    assert all(0 < one["seconds"] < 600 for one in found["cells"])
    assert "esr on studio-cctv will fail" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"methods": ["source_onyl"]}, "source_only"),
        ({"methods": ["source_only"], "seeds": []}, "seeds"),
        ({"methods": ["source_only"], "pairs": {}}, "pairs"),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path: Path, given: dict[str, object], words: str) -> None:
    done = ferda(written(tmp_path, **given), "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_report_on_nothing_is_refused(tmp_path: Path) -> None:
    done = ferda(written(tmp_path, methods=["source_only"]), "--out", tmp_path / "out", "--only-report")
    assert done.exit_code == 2
    assert "No training" in done.stderr
