"""Start weights: from a file that is reported, from the internet only when told so, and never once more."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from typer.testing import CliRunner

from ferda.backbones import create_backbone
from ferda.cli.main import app

SHORT = ["training.epochs=1", "training.epoch_steps=1", "training.batch=4", "training.optimiser=adamw"]
FAST = ["data.size=32", "data.classes=[happy, sad]", "training.precision=fp32", *SHORT]


def ferda(*words: Any, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, f"{result.exit_code}: {result.stderr}{result.stdout}"
    return " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("faces")
    for number, name in enumerate(("happy", "sad")):
        (root / "raw" / name).mkdir(parents=True)
        for row in range(8):
            noise = np.random.default_rng(10 * number + row).integers(0, 255, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(noise).save(root / "raw" / name / f"{row}.png")
    ferda("prepare", root / "raw", "--out", root / "pack", "--crop", "whole", "--no-detect", "--size", 32)
    return root / "pack"


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to reach another machine, none of which gets through."""
    tried: list[object] = []

    def refuse(*place: object, **more: object) -> None:
        tried.append(place)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    return tried


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether timm was asked for its weights, each time a network was made; it gives fresh ones."""
    calls: list[bool] = []
    create = timm.create_model

    def record(name: str, pretrained: bool = False, **options: Any) -> Any:
        calls.append(pretrained)
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(timm, "create_model", record)
    return calls


def fit(pack: Path, out: Path, *words: Any, code: int = 0, backbone: str = "timm/test_resnet") -> str:
    start = ["fit", "source_only", "--sources", pack, "--out", out, "--no-report"]
    return ferda(*start, *words, "--set", f"method.backbone={backbone}", *FAST, code=code)


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A face recogniser's file: units counted through, a layer of identities, a data-parallel prefix."""
    torch.manual_seed(1)
    network = create_backbone("ir18", widths=[4, 4, 4, 8])
    state = {"module.output_layer.3.weight": torch.ones(2, 2)}
    for name, value in network.state_dict().items():
        words = name.replace("residual", "res_layer").replace("shortcut", "shortcut_layer").split(".")
        if words[0] == "stages":
            words = ["body", str(2 * int(words[1]) + int(words[2])), *words[3:]]
        state["module." + ".".join(words).replace("stem", "input_layer")] = value
    path = tmp_path_factory.mktemp("weights") / "ms1m.pth"
    torch.save(state, path)
    return path


def test_a_file_is_reported_and_needed_once(pack: Path, recogniser: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.pth"
    mine.write_bytes(recogniser.read_bytes())
    words = [
        "--weights",
        mine,
        "--set",
        "method.backbone_options={widths: [4, 4, 4, 8]}",
        "training.rate=1e-9",
    ]
    said = fit(pack, tmp_path / "run", *words, backbone="ir18")
    assert f"start weights {mine}: " in said
    assert "1 unused (output_layer.3.weight)" in said
    mine.unlink()
    from ferda.engine.checkpoint import load_method

    loaded = load_method(tmp_path / "run").method.state_dict()
    theirs = torch.load(recogniser)["module.body.7.res_layer.3.weight"]
    assert torch.allclose(loaded["network.backbone.stages.3.1.residual.3.weight"], theirs, atol=1e-6)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--weights", "nowhere.pth"], "no weight file nowhere.pth"),
        (["--weights", "a.pth", "--download"], "not from both"),
        (["--set", "method.backbone_options.download=true"], "allow it with --download"),
    ],
)
def test_a_mistake_ends_in_a_sentence(
    pack: Path, tmp_path: Path, asked: list[bool], words: list[str], sentence: str
) -> None:
    assert sentence in fit(pack, tmp_path / "run", *words, code=2)
    assert not any(asked)


def test_only_timm_is_fetched(pack: Path, tmp_path: Path) -> None:
    said = fit(pack, tmp_path / "run", "--download", code=2, backbone="ir18")
    assert "this recipe has ir18" in said


def test_no_network_is_touched_unless_told(pack: Path, tmp_path: Path, offline: list[object]) -> None:
    fit(pack, tmp_path / "run")
    for name in ("timm/test_vit", "timm/resnet18", "ir18", "mobilenet_aglrls", "small_cnn"):
        create_backbone(name)
    assert offline == []


def test_the_flag_asks_for_weights_and_prediction_does_not(
    pack: Path, tmp_path: Path, asked: list[bool], offline: list[object]
) -> None:
    fit(pack, tmp_path / "run", "--download")
    assert asked == [True]
    ferda("predict", tmp_path / "run", pack.parent / "raw" / "sad", "--out", tmp_path / "t.csv")
    assert asked == [True, False]
    assert offline == []


def test_weights_that_cannot_be_fetched_are_said(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", fail)
    said = fit(pack, tmp_path / "run", "--download", code=2)
    assert "could not be fetched (no route to host)" in said and "--weights" in said
