"""The benchmark of prediction: every system sees every picture, and its table says what was measured."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from ferda.faces.detect import Face

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_systems_take_turns_and_are_held_against_the_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # which the script sets as well, and nobody would take back
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("predict")
    points = np.array([[10, 10], [20, 10], [15, 15], [11, 20], [19, 20]], np.float32)
    off = points + np.array([1, 0])  # a tenth of the eye distance
    seen: list[str] = []

    def system(name: str, where: np.ndarray) -> object:
        def answer(pictures: list[np.ndarray]) -> list[list[Face]]:
            seen.append(name)
            sum(range(200_000))  # what takes no time has no rate
            return [[Face((0, 0, 9, 9), 0.9, where)] if picture.any() else [] for picture in pictures]

        return answer

    names = (*module.OTHERS, "ours")
    systems = {name: system(name, off if name == "ours" else points) for name in names}
    pictures = [np.full((4, 4, 3), row % 3, np.uint8) for row in range(7)]
    monkeypatch.setattr(module, "TOGETHER", 4)
    monkeypatch.setattr(module, "FaceDetector", lambda: system("reference", points))
    rows = module.compare(systems, pictures)["systems"]
    assert seen == ["reference", *names, *names[::-1], *names]
    assert [row["faces"] for row in rows.values()] == [4, 4, 4]
    assert rows["ours"]["landmark_error"] == pytest.approx(0.1)
    assert rows[names[0]]["ratio"] == 1.0 and rows[names[1]]["landmark_error"] == 0.0

    loss = {
        "faces": 50,
        "agreement": 0.98,
        "mean_difference": 0.003,
        "largest_difference": 0.1,
        "labelled": 0,
    }
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}, "pictures": 7, "together": 4}
    about |= {"side": 224, "network": "small_cnn at 48 pixels"}
    text = importlib.import_module("sections.predict").section(
        {"about": about, "systems": rows, "int8": loss}
    )
    assert "| ours | " in text and "98.0% of 50 faces" in text and "0.10000 |" in text
