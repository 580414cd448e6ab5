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
from PIL import Image

import ferda
from ferda.errors import UserError
from ferda.inference import load_run
from ferda.inference.runtime import OnnxPredictor, load_onnx

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


def test_it_answers_as_torch_does(exported_folder: Path) -> None:
    exported, ours = (
        ferda.load(exported_folder / "run.onnx", batch=2),
        ferda.load(exported_folder / "run.safetensors"),
    )
    assert isinstance(exported, OnnxPredictor) and exported.classes == ("anger", "happiness", "neutral")
    picture = np.asarray(Image.open(exported_folder / "photo.png"))
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


def test_it_answers_where_there_is_no_torch(exported_folder: Path) -> None:
    command = [sys.executable, "-c", ALONE.format(absent=ABSENT)]
    done = subprocess.run(command, cwd=exported_folder, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    (face,) = ferda.load(exported_folder / "run.safetensors")(exported_folder / "photo.png")
    assert row["expression"] == face.expression
    assert row["confidence"] == pytest.approx(face.confidence, abs=2e-3)
    assert row["left_eye_x"] == pytest.approx(face.landmarks[1, 0], abs=0.01)


def test_mistakes_are_one_sentence(exported_folder: Path, tmp_path: Path) -> None:
    exported = exported_folder / "run.onnx"
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


@pytest.mark.parametrize("name", ["run.onnx", "run.safetensors"])
def test_the_smallest_face_can_be_chosen(exported_folder: Path, name: str) -> None:
    photo = exported_folder / "photo.png"
    assert len(ferda.load(exported_folder / name, min_face=60)(photo)) == 1
    assert ferda.load(exported_folder / name, min_face=250)(photo) == []
    with pytest.raises(UserError, match="has 12 pixels"):
        ferda.load(exported_folder / name, min_face=11)
