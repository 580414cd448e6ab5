"""The demo's story, told in a few steps: what is trained, what is chosen, and by what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from ferda.engine.recipe import Recipe
from ferda.evaluation import demo


@pytest.mark.slow
def test_the_demo_trains_chooses_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = demo.demo_recipe

    def short(*words: Any, **options: Any) -> Recipe:
        few = ["training.epochs=1", "training.epoch_steps=2", "training.score_rows=64", "data.size=32"]
        return whole(*words, **options).override(*few)

    monkeypatch.setattr(demo, "demo_recipe", short)
    result = demo.run_demo(tmp_path, controls=True, show=False)
    models = list(result.table["model"])
    assert models[0] == "source only"
    assert models[1].endswith("(chosen)")
    assert models[1 + len(demo.METHODS) :] == list(demo._CONTROLS)
    kept = {
        name: float(pd.read_csv(tmp_path / name / "scores.csv").dropna(subset=["selected"])["im"].iloc[0])
        for name in demo.METHODS
    }
    assert models[1].removesuffix(" (chosen)") == max(kept, key=lambda name: kept[name])
    assert result.report.stat().st_size < 4_000_000
    page = result.report.read_text()
    assert "oracle" in page
    assert "studio" in page
    # a second call finds everything done; the same page is not drawn twice
    monkeypatch.setattr(demo, "write_study", lambda path, *_: path)
    assert demo.run_demo(tmp_path, controls=True, show=False).table.equals(result.table)
    assert result.to_dict()["table"][0]["model"] == "source only"


def test_every_adaptation_starts_from_the_source_model(tmp_path: Path) -> None:
    for name in demo.METHODS:
        recipe = demo.demo_recipe(name, "synthetic:studio", "synthetic:cctv", 3, start=tmp_path)
        assert recipe.training.start == str(tmp_path)
        assert recipe.training.seed == 3
        assert recipe.training.select == "im"
