from __future__ import annotations

from pathlib import Path

import pytest

from ferda.errors import UserError
from ferda.inference.which import model_and_inputs


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("runs/hall/recipe.yaml", "photos/a.jpg", "photo.jpg", "w.safetensors"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "model", "inputs"),
    [
        ("runs/hall photo.jpg photos", "runs/hall", "photo.jpg photos"),
        ("w.safetensors photos", "w.safetensors", "photos"),
        ("model.onnx photos", "model.onnx", "photos"),
        ("starter photos", "starter", "photos"),
        ("photo.jpg", "starter", "photo.jpg"),
        ("photos photo.jpg", "starter", "photos photo.jpg"),
        ("photos/*.jpg photo.jpg", "starter", "photos/*.jpg photo.jpg"),
        ("camera:0", "starter", "camera:0"),
        ("nothing.jpg", "starter", "nothing.jpg"),
        ("runs/hal photo.jpg", "runs/hal", "photo.jpg"),
    ],
)
@pytest.mark.usefixtures("place")
def test_the_first_word_is_the_model_if_it_is_one(words: str, model: str, inputs: str) -> None:
    assert model_and_inputs(words.split()) == (Path(model), inputs.split())


@pytest.mark.parametrize("word", ["runs/hall", "starter", "w.safetensors"])
@pytest.mark.usefixtures("place")
def test_a_model_alone_has_nothing_to_look_at(word: str) -> None:
    with pytest.raises(UserError, match="name pictures"):
        model_and_inputs([word])
