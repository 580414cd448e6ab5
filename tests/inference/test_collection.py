"""Pictures judged by others give the table, and the drawings, of one process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ferda.cli.main import app
from ferda.data.engines import find_engine
from ferda.engine.checkpoint import Preprocessing, save_weights
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.inference import collection, load
from ferda.methods import method_class


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network, and ten photos of which one is broken."""
    folder, kind, settings = (
        tmp_path_factory.mktemp("run"),
        method_class("source_only"),
        {"backbone": "small_cnn"},
    )
    (folder / "photos").mkdir()
    for number in range(10):
        pixels = np.random.default_rng(number).integers(0, 256, (30 + number, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "photos" / f"{number}.png")
    (folder / "photos" / "4.png").write_bytes(b"broken")
    save_weights(
        folder / "best.safetensors",
        kind(kind.Config(**settings), 3, 1),
        name="source_only",
        settings=settings,
        classes=("anger", "happiness", "neutral"),
        preprocessing=Preprocessing(CropRule("whole", size=48, detect=False), 32, (0.5,) * 3, (0.25,) * 3),
    )
    return folder


def predicted(run: Path, out: Path, *options: Any) -> tuple[str, dict[str, bytes]]:
    words = ["predict", run, run / "photos", "--out", out / "t.csv", "--draw", out / "drawn", *options]
    ended = CliRunner().invoke(app, [str(word) for word in words])
    assert ended.exit_code == 0, ended.stderr
    return (out / "t.csv").read_text(), {path.name: path.read_bytes() for path in (out / "drawn").iterdir()}


def test_workers_change_neither_table_nor_drawings(run: Path, tmp_path: Path) -> None:
    alone = predicted(run, tmp_path / "a")
    assert len(alone[0].splitlines()) == 11 and len(alone[1]) == 9
    assert predicted(run, tmp_path / "b", "--workers", 2) == alone


def test_pieces_come_in_any_order(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "_PIECE", 3)
    predictor, told = load(run), []
    others = collection.judges(find_engine("local"), run)
    table = predictor.table(
        run / "photos",
        progress=lambda *counts: told.append(counts),
        judges=lambda pieces: others(pieces[::-1]),
    )
    assert table.equals(predictor.table(run / "photos"))
    assert told == [(1, 10), (4, 10), (7, 10), (10, 10)]


def test_pictures_that_a_worker_does_not_see_are_not_called_unreadable(run: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    def away(make: Any, pieces: Any) -> Any:
        (tmp_path / "a.png").unlink()
        return find_engine("local")(make, pieces)

    with pytest.raises(UserError, match=r"has no .*a\.png; every worker must find the files"):
        load(run).table(tmp_path, judges=collection.judges(away, run))


def test_an_engine_that_is_none_is_refused(run: Path) -> None:
    ended = CliRunner().invoke(app, ["predict", str(run), str(run / "photos"), "--engine", "rey"])
    assert ended.exit_code == 2 and "did you mean 'ray'" in ended.stderr
