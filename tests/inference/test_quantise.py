"""Rounding to eight bits: the loss is that of other faces, and too large a loss leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from typer.testing import CliRunner

import ferda
from ferda.cli.main import app
from ferda.data.domain import Domain
from ferda.data.manifest import complete_manifest
from ferda.data.pack import write_pack
from ferda.errors import UserError
from ferda.inference import quantise as module
from ferda.inference.quantise import Loss, quantise

CLASSES = ("anger", "happiness", "neutral")


@pytest.fixture
def domain(tmp_path: Path) -> Domain:
    """Thirty faces that are noise around a colour, every third without a label."""
    rng = np.random.default_rng(0)
    faces = (rng.normal(0, 40, (30, 56, 56, 3)) + rng.uniform(0, 255, (30, 1, 1, 3))).clip(0, 255)
    table = pd.DataFrame({"file": [f"{row}.png" for row in range(30)]})
    table["expression"] = [None if row % 3 == 0 else CLASSES[row % 2] for row in range(30)]
    pack = write_pack(tmp_path / "pack", faces.astype(np.uint8), complete_manifest(table))
    return Domain(pack, np.arange(30), CLASSES)


def test_the_loss_is_measured_on_faces_that_were_not_calibrated_on(
    exported_folder: Path, domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[np.ndarray] = []
    batches = module._batches
    monkeypatch.setattr(
        module, "_batches", lambda one, faces, rows: asked.append(rows) or batches(one, faces, rows)
    )
    loss = quantise(exported_folder / "run.onnx", tmp_path / "int8.onnx", domain, 0.0)
    (calibrated,) = asked
    rows = np.setdiff1d(np.arange(30), calibrated)
    assert len(calibrated) == len(rows) == loss.faces == 15

    faces = domain.gather(rows)
    before, after = (
        np.array([list(one.probabilities.values()) for one in ferda.load(path, detect=False)(list(faces))])
        for path in (exported_folder / "run.onnx", tmp_path / "int8.onnx")
    )
    assert loss.largest_difference == pytest.approx(np.abs(before - after).max(), abs=1e-5)
    assert 0 < loss.mean_difference == pytest.approx(np.abs(before - after).mean(), abs=1e-6)
    assert loss.agreement == (before.argmax(1) == after.argmax(1)).mean()
    known = [(row, label) for row, label in enumerate(domain.labels()[rows]) if label >= 0]
    assert loss.labelled == len(known) > 0
    assert loss.accuracy_before == sum(before[row].argmax() == label for row, label in known) / len(known)
    assert loss.accuracy_after == sum(after[row].argmax() == label for row, label in known) / len(known)
    kinds = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert "QuantizeLinear" in kinds and "DequantizeLinear" in kinds
    assert ferda.load(tmp_path / "int8.onnx").about["int8"]["agreement"] == loss.agreement


def test_too_large_a_loss_leaves_the_former_file(
    exported_folder: Path, domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_measure", lambda *given: Loss(15, 0.8, 0.5, 0.1))
    (tmp_path / "int8.onnx").write_text("former")
    with pytest.raises(UserError, match=r"80\.0%, below the 90\.0%"):
        quantise(exported_folder / "run.onnx", tmp_path / "int8.onnx", domain, 0.9)
    assert (tmp_path / "int8.onnx").read_text() == "former"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["int8.onnx", "pack"]


def test_mistakes_are_one_sentence(exported_folder: Path, domain: Domain, tmp_path: Path) -> None:
    exported, out = exported_folder / "run.onnx", tmp_path / "int8.onnx"
    few = Domain(domain.pack, np.arange(19), CLASSES)
    with pytest.raises(UserError, match="has 19 faces; rounding needs at least 20"):
        quantise(exported, out, few)
    with pytest.raises(UserError, match="share between 0 and 1"):
        quantise(exported, out, domain, 95)
    weights = str(exported_folder / "run.safetensors")
    for words, told in (
        (["--calibrate", "pack"], "--calibrate is for --int8"),
        (["--int8", "--out", "model.pt"], "called something.onnx"),
    ):
        result = CliRunner().invoke(app, ["export", weights, *words])
        assert result.exit_code == 2 and told in result.stderr


def test_the_command_line_tells_the_loss(
    exported_folder: Path, domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exported(model: object, path: Path) -> float:
        path.write_bytes((exported_folder / "run.onnx").read_bytes())
        return 1e-7

    monkeypatch.setattr("ferda.inference.export.export_model", exported)
    words = ["export", str(exported_folder / "run.safetensors"), "--int8", "--out", str(tmp_path / "m.onnx")]
    assert "name some with --calibrate" in CliRunner().invoke(app, words).stderr
    words += ["--calibrate", str(domain.pack.path), "--least-agreement", "0"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    assert "of 15 faces" in result.stderr and "int8 0." in result.stderr
    assert ferda.load(tmp_path / "m.onnx").about["int8"]["faces"] == 15
