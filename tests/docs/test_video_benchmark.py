"""The benchmark of videos measures what it says, on six coloured squares."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from ferda.faces.detect import Face

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def video(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("video")
    monkeypatch.setattr(module, "SCENES", 6)
    monkeypatch.setattr(module, "PAIRS", 40)
    return module


def test_people_of_two_colours_are_told_apart_and_grey_ones_are_not(video: ModuleType) -> None:
    stills = []
    for person, skin in {"ann": (220, 150, 120), "ben": (150, 175, 90)}.items():
        for number in range(6):
            image = np.full((40, 60, 3), (30, 60, 220), np.uint8)
            image[5:35, 5:35] = skin
            face = Face((5.0, 5.0, 30.0, 30.0), 0.9, np.zeros((5, 2), np.float32))
            stills.append(video.Still(person, number, image, face))
    ranked = video.ranks(stills, None)
    assert ranked["colours"] == 1.0
    walked = {name: video.crossings(stills, seen) for name, seen in video.LOOKS.items()}
    assert walked["colours"] == {"taken for each other": 0.0, "numbers too many": 0.0}
    assert walked["boxes alone"]["taken for each other"] > 0.5
    warned = video.exchanged([still for still in stills if still.person == "ann"])
    assert warned == {"right order": 0.0, "wrong order": 1.0}
    cuts = video.cuts(stills)
    assert cuts["pan"] == cuts["flash"] == 0.0
    about = {"command": "c", "commit": "abc", "machine": "m", "versions": {}, "faces": 12, "scenes": 6}
    found = {"about": about, "ranked right": ranked, "crossings": walked, "cuts": cuts, "warned": warned}
    text = importlib.import_module("sections.video").section(found)
    assert "| colours | 1.00 | 0.00 | 0.00 |" in text and "100% in the wrong" in text
