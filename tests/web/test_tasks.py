"""What the jobs do with what was sent: faces stay in the job's folder, and go with it."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ferda.data.pack import Pack
from ferda.engine.checkpoint import load_method
from ferda.errors import UserError
from ferda.inference import load
from ferda.web.jobs.store import Job, Jobs
from ferda.web.jobs.tasks import RESULT, reopen, tasks
from ferda.web.models import Models
from ferda.web.settings import Settings

make_run = runpy.run_path(str(Path(__file__).parent / "test_serving.py"))["write_run"]


@pytest.fixture
def models(tmp_path: Path) -> Models:
    made = Models(Settings((make_run(tmp_path / "hall"),), tmp_path / "serve"), lambda *_: None)
    yield made
    made.close()


def sent(place: Path, count: int = 3) -> Path:
    (place / "input").mkdir(parents=True)
    for number in range(count):
        image = np.random.default_rng(number).integers(0, 256, (40, 40, 3), dtype=np.uint8)
        # a PNG under this name, as a client might send one
        Image.fromarray(image).save(place / "input" / f"{number:06}.jpg", "PNG")
    return place


@pytest.mark.parametrize("kept_old", [False, True])
def test_an_adaptation(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept_old: bool
) -> None:
    asked: dict[str, Any] = {}

    def adapts(run: Path, target: Path, out: Path, **options: Any) -> SimpleNamespace:
        asked.update(options, run=run, faces=len(Pack.open(target)), target=target)
        make_run(out)
        return SimpleNamespace(kept_old=kept_old, before={"a": 1.0}, after={"a": 2.0}, sentences=["Done."])

    monkeypatch.setattr("ferda.adaptation.adapting.adapt_run", adapts)
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    jobs = Jobs(tmp_path / "serve")
    job, place = jobs.new_place()
    place.rmdir()
    place = sent(place.parent)
    jobs.add(Job(job, "adapt", "hall", "3 pictures", {"method": "shot"}))
    counted: list[tuple[int, int]] = []
    tasks(models)["adapt"](jobs.get(job), place, lambda *told: counted.append(told))
    assert asked["run"] == tmp_path / "hall" and asked["faces"] == 3 and place in asked["target"].parents
    assert asked["method"] == "shot" and asked["pictures"] is False and counted[-1] == (3, 3)
    assert not asked["target"].exists() and not (tmp_path / "cache").exists()
    name = None if kept_old else "hall-adapted"
    result = json.loads((place / RESULT).read_text())
    assert result["model"] == name and result["kept_old"] is kept_old and result["sentences"] == ["Done."]
    assert [model.name for model in models] == ["hall", *([] if kept_old else ["hall-adapted"])]

    jobs.end(job, "done")
    again = Models(Settings((tmp_path / "hall",), tmp_path / "serve"), lambda *_: None)
    reopen(again, jobs)
    assert [model.name for model in again] == [model.name for model in models]
    again.close()
    jobs.close()


def test_a_model_without_a_file_cannot_be_adapted(tmp_path: Path) -> None:
    def opened(path: Path) -> Any:
        predictor = load(path)
        predictor.loaded = None
        return predictor

    models = Models(Settings((make_run(tmp_path / "hall"),), tmp_path), lambda *_: None, opened)
    with pytest.raises(UserError, match="cannot be adapted"):
        tasks(models)["adapt"](Job("1", "adapt", "hall", "a"), sent(tmp_path / "job"), lambda *_: None)
    models.close()


def test_facts_name_no_place_on_disk(models: Models, tmp_path: Path) -> None:
    (model,) = models
    facts = model.facts()
    assert facts["classes"] == list(load_method(tmp_path / "hall").classes) and facts["input_pixels"] == 32
    assert facts["finds_faces"] is False and str(tmp_path) not in json.dumps(facts)
