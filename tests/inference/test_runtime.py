"""An exported model answers as torch does, also where there is no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

import ferda
from ferda.engine.checkpoint import Preprocessing, load_method, save_weights
from ferda.errors import UserError
from ferda.faces.crops import CropRule
from ferda.inference import load_run
from ferda.inference.export import export_model
from ferda.inference.runtime import OnnxPredictor, load_onnx
from ferda.methods import method_class

astronaut_module = pytest.importorskip("skimage.data", reason="scikit-image carries the test photo")
CLASSES = ("anger", "happiness", "neutral")
SETTINGS = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 8]}}
#: What is not there on a machine that only answers.
ABSENT = "torch torchvision lightning timm torchmetrics sklearn matplotlib jinja2 yaml safetensors"
ABSENT += " tensorboard mtcnn joblib lz4 pyarrow onnx onnxscript threadpoolctl"
ALONE = """
import sys
for name in {absent!r}.split():
    sys.modules[name] = None
from ferda.cli.main import run
sys.argv = ["ferda", "predict", "run.onnx", "photo.png", "--json"]
run()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A weights file, the same exported, and a picture."""
    folder = tmp_path_factory.mktemp("exported")
    torch.manual_seed(0)
    kind = method_class("source_only")
    method = kind(kind.Config(**SETTINGS), len(CLASSES), 1)
    shown = Preprocessing(CropRule("aligned", size=56), 32, (0.5, 0.4, 0.3), (0.25,) * 3, "bgr")
    weights = folder / "run.safetensors"
    facts = {"name": "source_only", "settings": SETTINGS, "classes": CLASSES, "preprocessing": shown}
    save_weights(weights, method, **facts, temperature=0.1)
    assert export_model(load_method(weights), folder / "run.onnx") < 1e-5
    Image.fromarray(astronaut_module.astronaut()[:300, 60:400]).save(folder / "photo.png")
    return folder


def test_it_answers_as_torch_does(folder: Path) -> None:
    exported, ours = ferda.load(folder / "run.onnx", batch=2), ferda.load(folder / "run.safetensors")
    assert isinstance(exported, OnnxPredictor) and exported.classes == CLASSES
    picture = np.asarray(Image.open(folder / "photo.png"))
    pictures = [picture, picture[:, ::-1], np.zeros((40, 40, 3), np.uint8), picture[20:]]
    found, expected = exported.predict(pictures), ours.predict(pictures)
    assert [len(faces) for faces in found] == [1, 1, 0, 1]
    for one, other in zip(chain(*found), chain(*expected), strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=0.01)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=0.01)
        assert one.probabilities == pytest.approx(other.probabilities, abs=2e-3)
        assert one.detection_score == pytest.approx(other.detection_score, abs=1e-5)
    sure = [face.confidence for faces in found for face in faces]
    assert max(sure) > 0.4, "else a tenth of the temperature would not show"


def test_it_answers_where_there_is_no_torch(folder: Path) -> None:
    command = [sys.executable, "-c", ALONE.format(absent=ABSENT)]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    (face,) = ferda.load(folder / "run.safetensors")(folder / "photo.png")
    assert row["expression"] == face.expression
    assert row["confidence"] == pytest.approx(face.confidence, abs=2e-3)
    assert row["left_eye_x"] == pytest.approx(face.landmarks[1, 0], abs=0.01)


def test_mistakes_are_one_sentence(folder: Path, tmp_path: Path) -> None:
    exported = folder / "run.onnx"
    with pytest.raises(UserError, match="no exported model"):
        load_onnx(tmp_path / "run.onnx")
    with pytest.raises(UserError, match="at least one thread"):
        load_onnx(exported, threads=0)
    for options in ({"device": "cuda"}, {"precision": "bf16"}):
        with pytest.raises(UserError, match="leave device and precision out"):
            ferda.load(exported, **options)
    with pytest.raises(UserError, match="can only answer"):
        load_run(exported)
    with pytest.raises(UserError, match="takes a run folder"):
        ferda.adapt("tent", ferda.load(exported))
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(UserError, match="cannot be read by onnxruntime"):
        ferda.load(tmp_path / "text.onnx")
    model = onnx.load(exported)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    with pytest.raises(UserError, match="export the run again"):
        ferda.load(tmp_path / "bare.onnx")
