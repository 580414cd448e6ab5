"""`ferda predict` on videos, patterns and cameras, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.faces.crops import CropRule
from ferda.inference import video, video_judging
from ferda.inference.camera import Camera
from ferda.methods import method_class


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network for whole pictures, a film of 40 frames, a broken one, and pictures."""
    folder, kind = tmp_path_factory.mktemp("films"), method_class("source_only")
    save_weights(
        folder / "best.safetensors",
        kind(kind.Config(backbone="small_cnn"), 3, 1),
        name="source_only",
        settings={"backbone": "small_cnn"},
        classes=("anger", "happiness", "neutral"),
        preprocessing=Preprocessing(CropRule("whole", size=48, detect=False), 32, (0.5,) * 3, (0.25,) * 3),
    )
    rng = np.random.default_rng(0)
    writer = cv2.VideoWriter(str(folder / "film.mkv"), cv2.VideoWriter.fourcc(*"FFV1"), 10, (96, 64))
    ramp = np.arange(96, dtype=np.uint8)[None, :, None].repeat(64, 0).repeat(3, 2)
    for shade in range(40):
        writer.write(ramp + np.uint8(3 * shade))
    writer.release()
    (folder / "photos").mkdir()
    for name in ("a.png", "b.png", "c.txt.png"):
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)).save(folder / "photos" / name)
    (folder / "bad.mp4").write_text("no video")
    return folder


def predict(place: Path, *words: Any, code: int = 0) -> Any:
    result = CliRunner().invoke(app, ["predict", str(place), *map(str, words)])
    assert result.exit_code == code, f"{result.stderr}{result.stdout}"
    return result


def test_films_patterns_and_a_broken_file_make_one_table(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "faces.csv"
    words = [place / "film.mkv", place / "photos" / "?.png", place / "bad.mp4"]
    ranges = ["--step", 5, "--start", 1, "--end", 3, "--smooth", 0.5]
    said = predict(place, *words, *ranges, "--out", out, "--draw", tmp_path / "drawn").stderr
    table = pd.read_csv(out)
    assert [Path(name).name for name in table["input"]] == ["film.mkv"] * 4 + ["a.png", "b.png", "bad.mp4"]
    assert table["frame"].dropna().tolist() == [10, 15, 20, 25]
    assert table["time_s"].dropna().tolist() == pytest.approx([1, 1.5, 2, 2.5])
    assert table["smooth_p_anger"].notna().tolist() == [True] * 4 + [False] * 3
    assert sorted(file.name for file in (tmp_path / "drawn").iterdir()) == ["a.jpg", "b.jpg", "film.webm"]
    assert "6 faces in 3 pictures and 4 frames of 1 videos" in said
    assert "bad.mp4 could not be read: it holds no video" in said
    assert "--detect looks for faces" in said
    assert sorted(file.name for file in out.parent.iterdir()) == ["faces.csv", "faces.unusable.csv"]


def test_what_was_seen_is_summed_up_on_the_screen(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    shown = predict(place, "film.mkv", "--step", 10).stdout
    assert "from_s" in shown and len(shown.splitlines()) == 2 and " 3.000 " in shown
    shown = predict(place, "film.mkv", "--step", 10, "--no-track").stdout
    assert shown.count("film.mkv") == 4 and "confidence" in shown
    rows = json.loads(predict(place, "film.mkv", "--step", 10, "--json").stdout)
    assert [row["frame"] for row in rows] == [0, 10, 20, 30]


def test_the_same_command_goes_on_after_an_interrupt(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, judge, judged = tmp_path / "faces.csv", video_judging._judge, []

    def interrupted(*about: Any) -> Any:
        judged.append(len(about[2]))
        if len(judged) == 2:
            raise KeyboardInterrupt
        return judge(*about)

    monkeypatch.setattr(video_judging, "_judge", interrupted)
    assert "goes on" in predict(place, place / "film.mkv", "--out", out, code=130).stderr
    assert not out.exists()
    assert [file.suffix for file in tmp_path.iterdir()] == [".parts"]
    predict(place, place / "film.mkv", "--out", out)
    assert judged == [16, 16, 16, 8], "the first sixteen once, the interrupted ones again"
    assert [file.name for file in tmp_path.iterdir()] == ["faces.csv"]
    predict(place, place / "film.mkv", "--out", tmp_path / "whole.csv")
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_other_options_do_not_go_on(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge, judged = video_judging._judge, []

    def interrupted(*about: Any) -> Any:
        judged.append(len(about[2]))
        if len(judged) == 2:
            raise KeyboardInterrupt
        return judge(*about)

    monkeypatch.setattr(video_judging, "_judge", interrupted)
    predict(place, place / "film.mkv", "--out", tmp_path / "t.csv", code=130)
    predict(place, place / "film.mkv", "--out", tmp_path / "t.csv", "--least", 0.9)
    assert sum(judged[2:]) == 40
    assert [file.name for file in tmp_path.iterdir()] == ["t.csv"]


def test_a_camera_runs_until_its_end(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # a file behind a network camera's address: it ends by itself, as a camera does that is unplugged
    monkeypatch.setattr(
        video, "_opened", lambda _, *options: Camera(f"camera:{place / 'film.mkv'}", *options)
    )
    said = predict(place, "camera:0", "--out", tmp_path / "t.csv", "--draw", tmp_path / "drawn").stderr
    table = pd.read_csv(tmp_path / "t.csv")
    assert table["frame"].is_monotonic_increasing and table["expression"].notna().sum() == len(table) - 1
    assert "the camera stopped by itself" in said
    assert [file.name for file in (tmp_path / "drawn").iterdir()] == ["camera-0.webm"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["camera:97"], "There is no camera at 'camera:97'"),
        (["camera:0", "film.mkv"], "A camera is judged alone"),
        (["film.mkv", "--workers", "2"], "Videos are judged in one process"),
        (["film.mkv", "--start", "3", "--end", "2"], "must be after the start"),
        (["film.mkv", "--smooth", "1", "--no-track"], "needs tracking"),
        (["film.mkv", "--out", "faces.xlsx"], "A table's name ends in .csv"),
        (["*.jpeg"], "There is no picture at *.jpeg"),
    ],
)
def test_mistakes_end_in_a_sentence(
    place: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    monkeypatch.chdir(place)
    assert sentence in " ".join(predict(place, *words, code=2).stderr.split())
