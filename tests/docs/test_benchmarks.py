"""The benchmarks know every method, and their page is written from whatever was measured so far."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ferda.engine.recipe import load_recipe
from ferda.methods import list_methods, method_class

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
CASES: dict[str, dict[str, Any]] = yaml.safe_load((BENCHMARKS / "speed.yaml").read_text(encoding="utf-8"))


def written(folder: Path, **results: Any) -> tuple[str, str]:
    """RESULTS.md and README.md as the script writes them from some results, in a copy of the benchmarks."""
    root = folder / "project"
    shutil.copytree(BENCHMARKS, root / "benchmarks", ignore=shutil.ignore_patterns("results", "__pycache__"))
    shutil.copy(BENCHMARKS.parent / "README.md", root)
    (root / "benchmarks" / "results").mkdir()
    for name, found in results.items():
        (root / "benchmarks" / "results" / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    subprocess.run([sys.executable, str(root / "benchmarks" / "write_results.py")], check=True)
    results, readme = root / "benchmarks" / "RESULTS.md", root / "README.md"
    return results.read_text(encoding="utf-8"), readme.read_text(encoding="utf-8")


def test_speed_measures_every_method_in_stages_that_it_has() -> None:
    assert set(CASES) == set(list_methods())
    for name, case in CASES.items():
        recipe = load_recipe(case["recipe"], case.get("changes", ()))
        assert recipe.method.name == name
        stages = method_class(name).stages_for(recipe.method.config())
        measured = case.get("stages", stages[-1:])
        assert set(measured) <= set(stages)
        assert case.get("original", {"stage": measured[0]})["stage"] in measured


def test_a_page_without_results_is_written(tmp_path: Path) -> None:
    results, readme = written(tmp_path)
    assert results.startswith("# Results")
    assert "Nothing was measured yet" in readme


def test_every_method_that_was_measured_has_its_rows(tmp_path: Path) -> None:
    times = {"best": 0.5, "median": 0.6}
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}, "rows": 8, "runs": 3}
    speed = {
        name: {
            "commit": "abc",
            "original": case.get("original"),
            **{
                way: {
                    "format": way,
                    "network": None,
                    "size": 112,
                    "parameters": 10**6,
                    "forward": times,
                    "steps": dict.fromkeys(
                        case.get("stages", [case.get("original", {}).get("stage")]), times
                    ),
                    "forward_megabytes": 1,
                    "step_megabytes": 2,
                }
                for way in ("auto", "fp32")
            },
        }
        for name, case in CASES.items()
    }
    rows = [
        {"model": name.replace("_", " "), "own domain": 0.9, "target": 0.7, "oracle": 0.8} for name in CASES
    ]
    run = {"table": [*rows, {**rows[0], "model": "mcc (chosen)"}], "loss": 0.2, "won_back": 0.5}
    results, readme = written(
        tmp_path, speed={"about": about, "methods": speed}, demo_table={"about": about, "seeds": [run]}
    )
    table, originals = results.split("## Speed")[1].split("Beside the authors' programs")
    assert all(f"| `{name}` |" in table for name in list_methods())
    originals = originals.split("##", maxsplit=1)[0]
    assert [name for name in CASES if f"| `{name}` |" in originals] == [
        name for name, case in CASES.items() if "original" in case
    ]
    assert f"| {0.5 / CASES['esr']['original']['step']:.2f} |" in originals
    short = readme.split("<!-- results: begin -->")[1].split("<!-- results: end -->")[0]
    shown = [line.split("`")[1] for line in short.splitlines() if line.startswith("| `")]
    assert shown[0] == "source_only" and sorted(shown) == list_methods()


@pytest.mark.parametrize(
    ("way", "case"),
    [
        ("auto", {"recipe": "aglrls", "stages": ["source", "adapt"]}),
        ("fp32", {"recipe": "mfsan", "sources": 2}),
    ],
)
def test_a_method_is_measured(way: str, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The real thing, but on a small network and once."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    speed = importlib.import_module("speed")
    monkeypatch.setattr(speed, "RUNS", 1)
    found = speed.measure(case, way)
    assert list(found["steps"]) == case.get("stages", ["adapt"])
    # which of them is longer is nothing that a busy machine promises
    assert all(0 < took["best"] <= took["median"] for took in (found["forward"], *found["steps"].values()))
    assert found["forward_megabytes"] <= found["step_megabytes"]
    assert way == "auto" or found["format"] == "fp32"


def test_a_method_that_speed_does_not_know_is_an_error() -> None:
    command = [sys.executable, "speed.py", "--methods", "nobody"]
    wrong = subprocess.run(command, cwd=BENCHMARKS, check=False, capture_output=True, text=True)
    assert wrong.returncode == 2
    assert "nobody" in wrong.stderr
