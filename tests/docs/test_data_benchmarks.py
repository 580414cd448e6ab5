"""The benchmarks of loader and detector measure what they say, on little data."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from ferda.faces.detect import Face
from ferda.landmarks import FIVE_POINTS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def loader(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the script sets as well, and nobody would take back
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("loader")
    for name, value in {"BATCH": 3, "BATCHES": 2, "RUNS": 2}.items():
        monkeypatch.setattr(module, name, value)
    return module


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("landmark_noise")


def test_both_ways_are_measured_and_shown(loader: ModuleType, tmp_path: Path) -> None:
    queued = loader.queued(loader.make_domain(tmp_path / "tiny", loader.faces(16)))
    found = {"sizes": {"20": loader.compare(tmp_path, 20)}, "queued": queued}
    assert len(list((tmp_path / "jpeg20").rglob("*.jpg"))) == 6 and found["sizes"]["20"]["prepared"] > 0
    for row in found["sizes"]["20"]["views"].values():
        assert row["loader"] > 0 and row["image_folder"] > 0
        assert list(row["waits"].values()) == sorted(row["waits"].values(), reverse=True)
    operations = [row["operations"] for row in queued.values()]
    assert 0 < operations[0] < operations[1] < operations[2]
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}, "batch": 3, "runs": 2}
    text = importlib.import_module("sections.loader").section({"about": about, **found})
    assert all(f"| 20 | {name} |" in text and f"| {name} | " in text for name in loader.VIEWS)


def test_an_image_folder_gets_views_of_the_same_kind(loader: ModuleType) -> None:
    torch.manual_seed(0)
    picture = loader.Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8))
    still = [loader.transform("none")(picture) for _ in range(2)]
    assert torch.equal(*still) and not torch.equal(loader.transform("weak")(picture), still[0])
    first, second = loader.transform("weak + strong")(picture)
    assert first.shape == second.shape == (3, 24, 24) and not torch.equal(first, second)


def test_operations_of_the_device_are_counted_and_views_are_not(loader: ModuleType) -> None:
    with loader._Count() as count:
        there = torch.zeros(2, 3).to("meta") + 1
        there.view(3, 2).permute(1, 0)
        torch.ones(2) * 2
    assert count.operations == 2


def test_errors_of_points_equal_those_by_hand(noise: ModuleType) -> None:
    random = np.random.default_rng(0)
    exact = random.uniform(20, 90, (4, 5, 2))
    exact[:, 1] = exact[:, 0] + [[30, 5], [-4, 25], [20, 20], [40, 0]]  # heads tilted every way
    offsets = random.normal(0, 0.02, (4, 5, 2)) + np.arange(10).reshape(5, 2) / 200
    offsets[3] += 0.5
    faces: list[list[Face]] = []
    distances = np.empty((4, 5))
    for row in range(4):
        (x, y) = exact[row, 1] - exact[row, 0]
        found = np.empty((5, 2))
        for point in range(5):
            along, down = offsets[row, point]
            found[point] = exact[row, point] + [along * x - down * y, along * y + down * x]
            distances[row, point] = math.hypot(along, down)
        faces.append([Face((0, 0, 9, 9), 0.9, found), Face((0, 0, 1, 1), 0.9, found + 50)])
    found = noise.errors([*faces[:2], [], *faces[2:]], np.insert(exact, 2, 0, axis=0))
    assert found["found"] == 0.8 and found["far"] == 0.25
    assert found["error"] == pytest.approx(distances.mean())
    assert found["median"] == pytest.approx(np.median(distances.mean(1)))
    for point, name in enumerate(FIVE_POINTS):
        assert found["points"][name] == pytest.approx(distances[:, point].mean())
        assert found["constant"][name] == pytest.approx(offsets[:3, point].mean(0).tolist())
    rest = offsets[:3] - offsets[:3].mean(0)
    assert found["scatter"] == pytest.approx(np.hypot(rest[..., 0], rest[..., 1]).mean())


def test_only_what_was_not_found_is_looked_at_again(
    noise: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Detector:
        """Finds a picture's face if the border is what its first pixel says, in percent."""

        def __init__(self, *, pad: float) -> None:
            self.pad = pad

        def __call__(self, pictures: Sequence[np.ndarray]) -> list[list[Face]]:
            asked.append([int(picture[0, 0, 0]) for picture in pictures])
            return [[Face((0, 0, 1, 1), self.pad, np.zeros((5, 2)))] * (number == 100 * self.pad)
                    for number in asked[-1]]  # fmt: skip

    asked: list[list[int]] = []
    monkeypatch.setattr(noise, "FaceDetector", Detector)
    pictures = [np.full((4, 4, 3), value, np.uint8) for value in (20, 99, 0, 40, 20)]
    found, counts = noise.looked(pictures)
    assert asked == [[20, 99, 0, 40, 20], [99, 0, 40], [99, 0]] and counts == [2, 3, 4]
    assert [one[0].score if one else None for one in found] == [0.2, None, 0.0, 0.4, 0.2]
    real = {"faces": {"pictures": 5, "of": 9, "shorter_side": [4, 4, 4], "one_look_no_border": 0.2}}
    shares = zip(map(str, noise.SMALL_BORDERS), counts, strict=True)
    real["faces"]["found"] = {border: number / 5 for border, number in shares}
    rendered = {
        "studio": {"faces": 4, "points": dict.fromkeys(FIVE_POINTS, 0.07)}
        | dict.fromkeys(("found", "error", "median", "scatter", "far"), 0.05)
    }
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}, "far": 0.1, "side": 144}
    section = importlib.import_module("sections.landmark_noise").section
    text = section({"about": about, "rendered": rendered, "real": real})
    assert "| faces | 5 of 9 | 4 | 20.0% | 40.0% | 60.0% | 80.0% |" in text
    assert "| studio | 4 | 5.0% | 5.0 | 5.0 | 5.0 | 5.0% | 7.0 |" in text
