"""A predictor that adapts: folders, pictures, what is corrected at the end, and what cannot be."""

from __future__ import annotations

import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

import ferda
from ferda.inference.adapted import adapt
from ferda.inference.drawings import Drawings
from ferda.inference.predictor import Predictor

RUN = runpy.run_path(str(Path(__file__).parents[1] / "test_time" / "a_run.py"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUN["make_run"](tmp_path_factory.mktemp("a_run"))


def shares(table) -> np.ndarray:
    return table.filter(like="p_").to_numpy()


def test_it_learns_over_calls_until_it_is_reset(place: Path) -> None:
    start = ferda.load(place / "run")
    before = shares(start.table(place / "photos"))
    online = adapt("tent", start, rate=0.05)
    first, second = (shares(online.table(place / "photos")) for _ in range(2))
    assert first.shape == (10, 3) and not np.allclose(first, before, atol=1e-4)
    assert not np.allclose(first, second, atol=1e-4)
    online.adaptation.reset()
    assert np.array_equal(shares(online.table(place / "photos")), first)
    assert np.array_equal(shares(start.table(place / "photos")), before)


@pytest.mark.parametrize("call", ["table", "pictures"])
def test_shares_are_corrected_over_all_pictures(place: Path, call: str) -> None:
    photos = sorted((place / "photos").iterdir())
    online = adapt("prior_shift", place / "run", shares="equal")
    plain = ferda.load(place / "run")
    if call == "table":
        (place / "photos" / "empty.png").touch()
        found = online.table(place / "photos")
        (place / "photos" / "empty.png").unlink()
        row = found[found["input"].str.endswith("empty.png")].iloc[0]
        assert row["expression"] is None and np.isnan(row["confidence"])
        found = found[found["expression"].notna()]
        new, names, sure = shares(found), found["expression"].tolist(), found["confidence"].tolist()
    else:
        faces = online(photos)
        new = np.array([list(face.probabilities.values()) for face in faces])
        names, sure = [face.expression for face in faces], [face.confidence for face in faces]
    calibration = online.adaptation.calibration
    wanted = shares(plain.table(photos)) ** (1 / calibration.temperature) / calibration.prior
    wanted /= wanted.sum(1, keepdims=True)
    assert np.allclose(new, wanted, atol=1e-5)
    assert names == [plain.classes[best] for best in wanted.argmax(1)]
    assert np.allclose(sure, wanted.max(1), atol=1e-5)
    assert "shares of the classes given" in online.adaptation.remarks[0]


def test_no_picture_is_no_trouble(place: Path) -> None:
    assert adapt("prior_shift", place / "run")([]) == []


def test_what_cannot_be_is_said(place: Path, tmp_path: Path) -> None:
    online = adapt("prior_shift", place / "run")
    with pytest.raises(ferda.UserError, match="leave --draw and --smooth out"):
        online.table(place / "photos", None, Drawings(tmp_path))
    with pytest.raises(ferda.UserError, match="leave --workers and --engine out"):
        online.table(place / "photos", judges=lambda pieces: [])
    start = ferda.load(place / "run")
    by_hand = Predictor(start.method, start.classes, start.crop)
    with pytest.raises(ferda.UserError, match="takes a run folder"):
        adapt("tent", by_hand)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Ten frames of noise, each lighter than the last."""
    writer = cv2.VideoWriter(str(tmp_path / "clip.mkv"), cv2.VideoWriter.fourcc(*"FFV1"), 10, (48, 48))
    noise = np.random.default_rng(0).integers(0, 100, (48, 48, 3), dtype=np.uint8)
    for number in range(10):
        writer.write(noise + np.uint8(15 * number))
    writer.release()
    return tmp_path / "clip.mkv"


def test_a_video_is_corrected_once_however_it_is_asked_for(place: Path, clip: Path) -> None:
    raw = shares(ferda.load(place / "run").video(clip))
    found = []
    for call in ("video", "table"):
        online = adapt("prior_shift", place / "run", shares="equal")
        table = getattr(online, call)(clip)
        calibration = online.adaptation.calibration
        wanted = raw ** (1 / calibration.temperature) / calibration.prior
        assert np.allclose(shares(table), wanted / wanted.sum(1, keepdims=True), atol=1e-5)
        found.append(table)
    assert found[0].equals(found[1]) and not np.allclose(raw, shares(found[0]), atol=1e-3)


def test_a_video_teaches_and_cannot_go_on(place: Path, clip: Path, tmp_path: Path) -> None:
    online = adapt("tent", place / "run", rate=0.05)
    first, second = shares(online.video(clip)), shares(online.video(clip))
    assert not np.allclose(first, second, atol=1e-4)
    with pytest.raises(ferda.UserError, match="leave parts out"):
        online.video(clip, parts=tmp_path / "parts")
    with pytest.raises(ferda.UserError, match="leave --draw and --smooth out"):
        adapt("prior_shift", place / "run").video(clip, smooth_s=1.0)
