"""One contract for all adaptations; one of your own is held to the same: add its file, and these run it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferda.batch import Labelled
from ferda.errors import UserError
from ferda.methods import create_method
from ferda.test_time import adaptation_class, list_adaptations
from ferda.test_time.base import Adaptation, SourceKnowledge

PLAIN = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [16, 16]}}
#: One network of a backbone and a head, one that decides by several heads.
KINDS = {"source_only": PLAIN, "mfsan": PLAIN | {"branch_width": 48}}
PAIRS = [(name, kind) for name in list_adaptations() for kind in KINDS if (name, kind) != ("t3a", "mfsan")]
CLASSES = ("anger", "fear", "neutral")


def faces(count: int, light: float, seed: int) -> torch.Tensor:
    """Pictures whose class, the number of the row modulo 3, is the colour of a square."""
    images = 0.3 * torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(seed)) + light
    for row in range(count):
        images[row, row % 3, 8:24, 8:24] += 1.5
    return images


def known() -> SourceKnowledge:
    def held_out():
        return (Labelled(faces(15, 0.0, seed), torch.arange(15) % 3) for seed in (1, 2))

    return SourceKnowledge(CLASSES, np.full(3, 1 / 3), held_out)


def trained(kind: str):
    """A method whose batch norms have seen faces."""
    method = create_method(kind, 3, 2, **KINDS[kind]).train()
    with torch.no_grad():
        for seed in range(3):
            method(faces(16, 0.0, seed))
    return method.eval()


def answers(adaptation: Adaptation, sizes=(8, 1, 8)) -> np.ndarray:
    said = [adaptation.answer(faces(size, -0.5, seed)).probabilities for seed, size in enumerate(sizes)]
    return adaptation.finish(torch.cat(said).numpy())


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_the_contract(name: str, kind: str) -> None:
    method = trained(kind)
    before = {key: value.clone() for key, value in method.state_dict().items()}
    adaptation = adaptation_class(name)(method, source=known())
    assert adaptation.name == name
    # as the evaluation calls it, and without: nothing depends on the caller's mode
    with torch.inference_mode():
        first = answers(adaptation)
    assert first.shape == (17, 3) and np.isfinite(first).all()
    assert np.allclose(first.sum(1), 1, atol=1e-5)
    remarks = list(adaptation.remarks)
    adaptation.reset()
    assert np.array_equal(answers(adaptation), first) and adaptation.remarks == remarks
    assert np.array_equal(answers(adaptation_class(name)(method, source=known())), first)
    # the caller's method is as it was, and no part of it is shared
    assert all(torch.equal(value, before[key]) for key, value in method.state_dict().items())
    assert not method.training and all(weight.requires_grad for weight in method.parameters())
    shared = {weight.data_ptr() for weight in adaptation.method.parameters()}
    assert not shared & {weight.data_ptr() for weight in method.parameters()}


@pytest.mark.parametrize("name", [name for name in list_adaptations() if name != "prior_shift"])
def test_it_adapts(name: str) -> None:
    method = trained("source_only")
    adaptation = adaptation_class(name)(method, source=known())
    answers(adaptation, sizes=(8, 8))
    images = faces(8, -0.5, 5)
    assert not torch.allclose(adaptation.answer(images).logits, method(images).logits, atol=1e-6)


@pytest.mark.parametrize("name", ["eata", "sar", "tent"])
def test_a_single_face_is_answered_as_in_training_and_teaches_nothing(name: str) -> None:
    method = trained("source_only")
    adaptation = adaptation_class(name)(method, source=known())
    images = faces(1, -0.5, 5)
    for _ in range(2):
        assert torch.equal(adaptation.answer(images).logits, method(images).logits)


@pytest.mark.parametrize("name", ["bn_adapt", "eata", "sar", "tent"])
def test_a_network_without_norms_is_named(name: str, hand) -> None:
    with pytest.raises(UserError, match="this network has none; use t3a or prior_shift"):
        adaptation_class(name)(hand.tiny("none"))


@pytest.mark.parametrize(
    ("name", "settings"), [("eata", {"reliable": 1.0}), ("sar", {"reliable": 1.0}), ("tent", {})]
)
def test_other_norms_learn_too(name: str, settings: dict[str, float], hand) -> None:
    method, kind = hand.tiny("group"), adaptation_class(name)
    adaptation = kind(method, kind.Config(rate=0.1, **settings))
    (batch,) = hand.stream(1)
    assert torch.equal(adaptation.answer(batch).logits, method(batch).logits)
    assert not torch.equal(adaptation.answer(batch).logits, method(batch).logits)


def test_unknown_names_are_mistakes() -> None:
    with pytest.raises(UserError, match="did you mean 'tent'"):
        adaptation_class("tnet")


def test_the_folder_is_the_registry() -> None:
    assert list_adaptations() == ["bn_adapt", "eata", "prior_shift", "sar", "t3a", "tent"]
