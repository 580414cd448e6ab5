"""The benchmark of the service: one short round, and the section that is written of it."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest


@pytest.fixture
def benchmarks(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(project / "benchmarks"))
    yield project / "benchmarks"
    for name in [name for name in sys.modules if name.split(".")[0] in ("about", "sections")]:
        del sys.modules[name]


def test_the_section_tells_what_was_measured(benchmarks: Path) -> None:
    load = {"clients": 4, "answers": 90, "per_second": 31.4, "p50_ms": 21.2, "p99_ms": 88.0, "cpu_ms": 12.3}
    load |= {"pictures_a_pass": 2.5, "errors": {"429": 3}}
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}, "seconds": 120}
    found = {
        "about": about | {"cores": 2, "load": 1.5},
        "loads": [load, load | {"clients": 1, "errors": {}, "p50_ms": None}],
        "megabytes": {"begin": 500.4, "end": 501.2},
    }
    text = runpy.run_path(str(benchmarks / "sections" / "serve.py"))["section"](found)
    assert (
        "| 4 | 31 | 21 | 88 | 12 | 2.5 | 3 × 429 |" in text and "| 1 | 31 |  | 88 | 12 | 2.5 | none |" in text
    )
    assert "500 MB after the warm-up, 501 MB at the end" in text


def test_a_run_is_made_that_can_be_served(benchmarks: Path, tmp_path: Path) -> None:
    from ferda.inference import load

    path = runpy.run_path(str(benchmarks / "serve.py"))["make_run"](tmp_path)
    assert load(path).classes
