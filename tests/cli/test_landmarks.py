"""`ferda landmarks` on a heap of pictures, with a detector that is put in place, and on a pack."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from ferda.cli.main import app
from ferda.faces import detect

POINTS = np.array([[8, 8], [16, 8], [12, 12], [9, 16], [15, 16]], dtype=np.float32)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folders 0 and 1, which are classes to nobody here; only wide pictures have a face."""

    class Detector:
        def __init__(self, device: str = "cpu") -> None: ...

        def __call__(self, images: list[np.ndarray]) -> list[list[detect.Face]]:
            face = detect.Face((4.0, 4.0, 16.0, 14.0), 0.9, POINTS)
            return [[face] if image.shape[1] > image.shape[0] else [] for image in images]

    monkeypatch.setattr(detect, "FaceDetector", Detector)
    monkeypatch.setenv("FERDA_CACHE", str(tmp_path / "cache"))
    for name, size in (("0/wide.png", (24, 20)), ("1/high.png", (20, 24))):
        (tmp_path / "photos" / name).parent.mkdir(parents=True)
        Image.new("RGB", size).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


def run(*words: object) -> Result:
    result = CliRunner().invoke(app, list(map(str, words)))
    assert result.exit_code == 0, result.stderr
    return result


def test_a_folder_needs_no_classes(photos: Path, tmp_path: Path) -> None:
    points, boxes = tmp_path / "points", tmp_path / "boxes"
    result = run("landmarks", photos, "--out", points, "--boxes", boxes)
    assert "1 pictures have their points" in result.stdout and "1 pictures have no face" in result.stderr
    np.testing.assert_array_equal(np.loadtxt(points / "0/wide.txt"), POINTS)
    assert np.loadtxt(boxes / "0/wide.txt").tolist() == [4, 4, 20, 18]
    assert not (points / "1").exists()
    filled = run("landmarks", photos, "--out", points, "--fallback", "mean-face", "--json")
    found = json.loads(filled.stdout)
    assert (found["files"], found["without"][0]["file"]) == (2, "1/high.png")
    np.testing.assert_allclose(np.loadtxt(points / "1/high.txt"), POINTS * (20 / 24, 24 / 20), atol=0.01)


def test_a_pack_gives_the_points_it_knows(photos: Path, tmp_path: Path) -> None:
    run(
        "prepare", photos, "--reader", "pictures", "--out", tmp_path / "pack", "--size", 16, "--sheet", "none"
    )
    run("landmarks", tmp_path / "pack", "--out", tmp_path / "points")
    np.testing.assert_array_equal(np.loadtxt(tmp_path / "points" / "0/wide.txt"), POINTS)
    assert not (tmp_path / "cache").exists()
