"""Faces with reasons: the right pictures, the right classes, and the places those classes come from."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from ferda.batch import Output
from ferda.data.domain import Domain
from ferda.data.pack import write_pack
from ferda.engine.checkpoint import LoadedMethod, Preprocessing
from ferda.evaluation.explained import explained_faces, explained_section
from ferda.evaluation.scoring import evaluate
from ferda.faces.crops import CropRule
from ferda.methods.base import Method, MethodConfig

CLASSES = ("anger", "happiness", "neutral")
SIZE = 32


class Thirds(Method):
    """The class is the brightest third of the picture, from top to bottom."""

    def __init__(self, has_map: bool = True) -> None:
        super().__init__(MethodConfig(), len(CLASSES))
        self.cells = torch.nn.AvgPool2d(4)
        self.has_map = has_map

    def forward(self, images, landmarks=None):
        maps = self.cells(images) if self.has_map else images.mean((2, 3), keepdim=True).expand(-1, -1, 6, 6)
        thirds = torch.stack([part.mean((1, 2, 3)) for part in maps[:, :, :6].split(2, 2)], 1)
        return Output(8 * thirds, thirds)


@pytest.fixture(scope="module")
def domain(tmp_path_factory):
    """Nine faces; the bright third is the label's, but for the last three, which look like the next class."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 20, (9, SIZE, SIZE, 3), dtype=np.uint8)
    labels = [0, 1, 2] * 3
    for row, label in enumerate(labels):
        shown = (label + (row >= 6)) % 3
        images[row, 8 * shown : 8 * shown + 8] = 200 + row
    manifest = pd.DataFrame(
        {"file": [f"{row}.png" for row in range(9)], "expression": [CLASSES[label] for label in labels]}
    )
    pack = write_pack(tmp_path_factory.mktemp("pack") / "p", images, manifest)
    return Domain(pack, np.array([8, 7, 6, 5, 4, 3, 2, 1, 0]), CLASSES)


def loaded(method):
    shown = Preprocessing(CropRule("whole", size=SIZE, detect=False), SIZE, (0.0,) * 3, (1.0,) * 3)
    return LoadedMethod(method.eval(), CLASSES, shown, {"method": "thirds"}, Path("x"))


@pytest.fixture(scope="module")
def faces(domain):
    model = loaded(Thirds())
    return explained_faces(model, domain, evaluate(model, domain, resamples=50))


def rows_lit(uri):
    """How colourful each third of a thumbnail is."""
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))), int)
    colour = np.ptp(picture, axis=2).mean(1)
    side = len(colour)
    return [colour[side * third // 4 : side * (third + 1) // 4].mean() for third in range(3)]


def test_one_right_face_a_class_and_one_wrong_a_kind(faces):
    assert [(face.label, face.predicted) for face in faces if face.is_right] == [
        (name, name) for name in ("neutral", "happiness", "anger")
    ], "the brightest is the surest"
    wrong = {(face.label, face.predicted): face for face in faces if not face.is_right}
    assert wrong.keys() == {("anger", "happiness"), ("happiness", "neutral"), ("neutral", "anger")}
    assert wrong["anger", "happiness"].file == "6.png"


def test_a_right_face_has_one_reason_a_wrong_one_two(faces):
    for face in faces:
        names = [name for _, name in face.pictures]
        assert names == (["", face.predicted] if face.is_right else ["", face.predicted, face.label])


def test_colour_lies_where_the_class_is_read(faces):
    for face in faces:
        lit = rows_lit(face.pictures[1][0])
        assert int(np.argmax(lit)) == CLASSES.index(face.predicted), face
        assert max(lit) > 5 * sorted(lit)[-2]


def test_few_are_enough(domain):
    model = loaded(Thirds())
    evaluation = evaluate(model, domain, resamples=50)
    assert [face.is_right for face in explained_faces(model, domain, evaluation, count=1)] == [True, False]


def test_a_network_without_maps_has_no_such_section(domain):
    model = loaded(Thirds(has_map=False))
    assert explained_faces(model, domain, evaluate(model, domain, resamples=50)) == ()


def test_the_section_names_the_model(faces):
    section = explained_section(faces, "cdan")
    assert section.title == "Where cdan looks" and section.explained == faces and not section.is_narrow
