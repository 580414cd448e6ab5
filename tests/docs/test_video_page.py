"""The page on videos is done word for word, on a film of two seconds."""

import re
import shlex
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.faces.crops import CropRule
from ferda.methods import method_class

PAGE = (Path(__file__).parents[2] / "docs" / "video.md").read_text()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the page speaks of: a run (untrained, of whole pictures), a clip, photos."""
    monkeypatch.chdir(tmp_path)
    kind = method_class("source_only")
    (tmp_path / "runs" / "hall").mkdir(parents=True)
    save_weights(
        tmp_path / "runs" / "hall" / "best.safetensors",
        kind(kind.Config(backbone="small_cnn"), 3, 1),
        name="source_only",
        settings={"backbone": "small_cnn"},
        classes=("anger", "happiness", "neutral"),
        preprocessing=Preprocessing(CropRule("whole", size=48, detect=False), 32, (0.5,) * 3, (0.25,) * 3),
    )
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    writer = cv2.VideoWriter("clip.mp4", cv2.VideoWriter.fourcc(*"mp4v"), 10, (64, 48))
    for _ in range(20):
        writer.write(frame)
    writer.release()
    (tmp_path / "photos" / "new").mkdir(parents=True)
    for name in ("photo.jpg", "photos/new/a.jpg"):
        cv2.imwrite(name, frame)
    return tmp_path


def test_every_command_works(place: Path) -> None:
    commands = [shlex.split(line)[1:] for line in re.findall(r"^\$ (ferda .*)$", PAGE, re.M)]
    assert len(commands) == 5
    for words in commands:
        result = CliRunner().invoke(app, words)
        if any(word.startswith("camera:") for word in words):  # most machines that test have none
            assert result.exit_code == 0 or "There is no camera at" in result.stderr
        else:
            assert result.exit_code == 0, f"ferda {shlex.join(words)}\n{result.stderr}"
    table = pd.read_csv(place / "faces.csv")
    assert table["frame"].dropna().tolist() == [0, 5, 10, 15] and table["input"].nunique() == 2
    drawn = pd.read_parquet(place / "faces.parquet")
    assert drawn["time_s"].iloc[[0, -1]].tolist() == pytest.approx([0.2, 1.4])
    assert "smooth_p_anger" in drawn and (place / "drawn" / "clip.webm").stat().st_size > 1000
    hidden = [file.name for file in place.iterdir() if file.name.startswith(".")]
    assert hidden == []


def test_the_python_works(place: Path) -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S):
        exec(block, names)
    assert len(names["table"]) == 4 and len(names["mixed"]) == 5 and len(names["faces"]) == 1
    assert len(names["fex"]) == 4 and names["answers"][0][0]["dominant_emotion"] in (
        "angry",
        "happy",
        "neutral",
    )
