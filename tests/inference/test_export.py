"""Export to ONNX: what the file holds, and that a wrong one is never kept."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import onnx
import pytest

from ferda.errors import UserError
from ferda.inference import export
from ferda.methods import create_method
from ferda.methods.base import Method


@pytest.fixture(scope="module")
def method() -> Method:
    return create_method(
        "source_only", 3, backbone="small_cnn", backbone_options={"stem": 8, "widths": [8, 8]}
    )


def test_the_file_says_what_it_is(method: Method, tmp_path: Path) -> None:
    export.export_onnx(method, tmp_path / "m.onnx", 32, {"ferda": json.dumps(["anger", "fear"])})
    model = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(model)
    [image] = model.graph.input
    sizes = [axis.dim_param or axis.dim_value for axis in image.type.tensor_type.shape.dim]
    assert image.name == "images"
    assert isinstance(sizes[0], str) and sizes[1:] == [3, 32, 32]
    [entry] = [entry for entry in model.metadata_props if entry.key == "ferda"]
    assert json.loads(entry.value) == ["anger", "fear"]


def test_a_model_that_answers_otherwise_is_not_kept(
    method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "TOLERANCE", 0.0)
    (tmp_path / "m.onnx").write_text("former")
    with pytest.raises(UserError, match="was not kept"):
        export.export_onnx(method, tmp_path / "m.onnx", 32)
    assert [path.name for path in tmp_path.iterdir()] == ["m.onnx"]
    assert (tmp_path / "m.onnx").read_text() == "former"


def test_mistakes_are_one_sentence(method: Method, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"something\.onnx"):
        export.export_onnx(method, tmp_path / "model.pt", 32)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"ferda\[export\]"):
        export.export_onnx(method, tmp_path / "m.onnx", 32)
