"""From a run and faces to a new run folder, with the adapted model or the old one, whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ferda
from ferda.adaptation import adapting, ways
from ferda.adaptation.safety import Check, Verdict
from ferda.adaptation.target import open_target
from ferda.data.pack import Pack
from ferda.engine.checkpoint import LoadedMethod, load_method
from ferda.errors import UserError


def against(*anything: Any) -> Verdict:
    return Verdict((Check("planted", False, "a", "b", "is no good"),))


def texts(page: Path) -> str:
    return re.sub(r"data:image/jpeg;base64,[^\"]+", "", page.read_text())


@pytest.fixture(scope="module")
def report(place: Path, tmp_path_factory: pytest.TempPathFactory) -> adapting.AdaptReport:
    """Of an adaptation that nothing speaks against."""
    return ferda.adapt_run(place / "run", place / "target", tmp_path_factory.mktemp("adapted") / "new")


def test_an_adapted_run_is_a_run(place: Path, model: LoadedMethod, report: adapting.AdaptReport) -> None:
    assert not report.kept_old and report.folder.name == "new"
    left = sorted(path.name for path in report.folder.parent.rglob("*"))
    assert left == ["adapt.html", "adapt.json", "best.safetensors", "new"]
    adapted = load_method(report.folder)
    assert adapted.classes == model.classes and adapted.preprocessing == model.preprocessing
    faces = open_target(str(place / "target"), model)
    pictures = faces.domain.gather(faces.held)
    points = np.full((len(pictures), 5, 2), np.nan)
    old, new = (ferda.load(path).answer(pictures, points)[0] for path in (place / "run", report.folder))
    assert report.before["confidence"] == pytest.approx(float(old.max(1).mean()), abs=1e-4)
    assert report.after["confidence"] == pytest.approx(float(new.max(1).mean()), abs=1e-4)
    assert report.after["share_anger"] == pytest.approx(float((new.argmax(1) == 0).mean()))
    assert report.after["agreement"] == pytest.approx(float((old.argmax(1) == new.argmax(1)).mean()))
    told = json.loads((report.folder / "adapt.json").read_text())
    assert told["sentences"] == report.sentences and told["kept_old"] is False


def test_the_adapted_model_says_what_it_has_seen(place: Path, report: adapting.AdaptReport) -> None:
    about = load_method(report.folder).metadata
    assert about["recipe"]["data"]["target"] == about["adapted_to"] == f"{place / 'target'}@all"
    assert about["recipe"]["data"]["sources"] == [str(place / "source")]
    assert about["adapted_from"] == str(place / "run" / "best.safetensors")
    # so an evaluation on the same faces says that they were seen
    result = ferda.evaluate(report.folder, ferda.open_domain(place / "target", about["classes"]))
    assert 80 in result.notes.values(), result.notes


def test_the_old_model_is_kept_to_the_byte(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapting, "judge", against)
    report = ferda.adapt_run(place / "run", place / "target", tmp_path / "new")
    assert report.kept_old
    assert report.sentences[0] == "The old model was kept, since the adapted one is no good."
    old, new = (folder / "best.safetensors" for folder in (place / "run", tmp_path / "new"))
    assert old.read_bytes() == new.read_bytes()
    page = texts(tmp_path / "new" / "adapt.html")
    assert "The old model was kept" in page and "FAILED: a; asked for: b" in page


def test_a_failure_leaves_nothing_that_looks_done(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*anything: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(adapting, "write_adapt_page", full)
        with pytest.raises(KeyboardInterrupt):
            ferda.adapt_run(place / "run", place / "target", tmp_path / "new")
    assert not (tmp_path / "new").exists()
    ferda.adapt_run(place / "run", place / "target", tmp_path / "new")
    assert [path.name for path in tmp_path.iterdir()] == ["new"]
    with pytest.raises(UserError, match="holds something already"):
        ferda.adapt_run(place / "run", place / "target", tmp_path / "new")


def test_a_method_is_trained_on_the_seen_faces_alone(
    place: Path, model: LoadedMethod, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[np.ndarray] = []
    train = ways.fit

    def spied(name: str, folder: Path, **options: Any) -> Any:
        shown.append(np.array(Pack.open(options["target"].removesuffix("@all")).images))
        return train(name, folder, changes=["training.epochs=1"], show=False, **options)

    monkeypatch.setattr(ways, "fit", spied)
    monkeypatch.setattr(adapting, "judge", lambda *anything: Verdict(()))
    ferda.adapt_run(place / "run", place / "target", tmp_path / "new", method="shot")
    faces = open_target(str(place / "target"), model)
    assert len(shown) == 1 and np.array_equal(shown[0], faces.seen_domain().gather(np.arange(60)))
    adapted = load_method(tmp_path / "new")
    assert adapted.metadata["method"] == "shot" and adapted.preprocessing == model.preprocessing
    assert adapted.metadata["recipe"]["data"]["target"] == f"{place / 'target'}@all"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_the_page_is_whole_and_shows_faces_only_if_they_may_be_shown(
    place: Path, tmp_path: Path, report: adapting.AdaptReport
) -> None:
    ferda.adapt_run(place / "run", place / "target", tmp_path / "new", pictures=False)
    shown, hidden = (folder / "adapt.html" for folder in (report.folder, tmp_path / "new"))
    assert report.after["agreement"] < 1
    assert "data:image" in shown.read_text() and "data:image" not in hidden.read_text()
    assert "Pictures were left out." in texts(hidden) and ".png</th>" in texts(hidden)
    for page in (texts(shown), texts(hidden)):
        assert not re.search(r"(?:src|href)=\"(?!#|\")", page), "nothing is fetched from elsewhere"
        assert report.sentences[0] in page and "What the safety rule looked at" in page
        assert page.count("passed: ") == 4


def test_pictures_that_gave_no_face_are_named(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "target", tmp_path / "pack")
    (tmp_path / "pack" / "unusable.csv").write_text("file,reason\nblack.png,is empty\n")
    report = ferda.adapt_run(place / "run", tmp_path / "pack", tmp_path / "new")
    assert (tmp_path / "new" / "left_out.csv").read_text() == "file,reason\nblack.png,is empty\n"
    assert "Pictures that gave no face: 1 (named in left_out.csv)." in report.sentences


def test_nothing_is_looked_for_if_the_model_cannot_be_adapted(place: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="without source faces"):
        ferda.adapt_run(place / "run", tmp_path / "nowhere", tmp_path / "new", method="cdan")
    assert list(tmp_path.iterdir()) == []
