"""What the judgement sees: the faces held back, as they are and otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ferda.adaptation.evidence import gather_evidence
from ferda.adaptation.target import open_target
from ferda.engine.checkpoint import LoadedMethod
from ferda.test_time.calibrating import tempered


def test_views_are_of_the_faces_held_back(place: Path, model: LoadedMethod) -> None:
    faces = open_target(str(place / "target"), model)
    said = gather_evidence(model.method, faces, model.preprocessing)
    assert said.views.shape == (4, 20, 3) and np.allclose(said.views.sum(2), 1, atol=1e-5)
    pictures = torch.from_numpy(faces.domain.gather(faces.held)).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        plain, mirrored = (
            model.method(shown).probabilities.numpy() for shown in (pictures, pictures.flip(3))
        )
    assert np.allclose(said.probabilities, plain, atol=1e-5)
    assert np.allclose(said.views[1], mirrored, atol=1e-4)
    assert not np.allclose(said.views[2], said.views[3], atol=1e-3)
    assert said.answers.tolist() == plain.argmax(1).tolist()
    assert np.allclose(said.shares() * 20, np.bincount(plain.argmax(1), minlength=3))


def test_both_models_see_the_same_views(place: Path, model: LoadedMethod) -> None:
    faces = open_target(str(place / "target"), model)
    first, second = (gather_evidence(model.method, faces, model.preprocessing) for _ in range(2))
    assert np.array_equal(first.views, second.views)


def test_confidence_is_the_calibrated_one(place: Path, model: LoadedMethod) -> None:
    faces = open_target(str(place / "target"), model)
    plain, cooled = (gather_evidence(model.method, faces, model.preprocessing, t) for t in (1.0, 3.0))
    assert np.allclose(cooled.views[0], tempered(plain.views[0], 3.0), atol=1e-6)
    assert cooled.confidence.mean() < plain.confidence.mean()
