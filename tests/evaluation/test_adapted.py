"""Evaluation of an adapting model: the same faces in another order, told in the result, no label seen."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest
import torch

from ferda.data.domain import Domain, open_domain
from ferda.engine.adapting import open_adaptation
from ferda.engine.checkpoint import LoadedMethod, load_method
from ferda.evaluation.scoring import evaluate

RUN = runpy.run_path(str(Path(__file__).parents[1] / "test_time" / "a_run.py"))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return RUN["make_run"](tmp_path_factory.mktemp("a_run"))


@pytest.fixture
def model(place: Path) -> LoadedMethod:
    return load_method(place / "run")


@pytest.fixture
def target(place: Path, model: LoadedMethod) -> Domain:
    return open_domain(place / "target", model.classes)


def table(evaluation) -> np.ndarray:
    return evaluation.predictions.filter(like="p_").to_numpy()


def test_faces_come_in_a_random_order_and_answers_go_back_to_their_own(model, target, monkeypatch) -> None:
    adaptation = open_adaptation("tent", model)
    order = np.random.default_rng(5).permutation(80)
    seen: list[torch.Tensor] = []
    answer = adaptation.answer
    monkeypatch.setattr(adaptation, "answer", lambda x, y=None: (seen.append(x), answer(x, y))[1])
    found = evaluate(model, target, adapt=adaptation, batch=32, seed=5, resamples=20)
    assert [len(batch) for batch in seen] == [32, 32, 16]
    shown = torch.cat(seen)
    pictures = torch.from_numpy(target.gather(order)).permute(0, 3, 1, 2) / 255
    assert torch.allclose(shown, pictures, atol=1e-6)
    adaptation.reset()
    said = torch.cat([answer(batch).probabilities for batch in shown.split(32)]).numpy()
    assert np.allclose(table(found)[order], said, atol=1e-6)
    assert found.features is not None and len(found.features) == 80


def test_the_result_says_how_it_came_about(model, target) -> None:
    found = evaluate(model, target, adapt="bn_adapt", batch=40, seed=3, resamples=20)
    assert found.model == "source_only + bn_adapt"
    assert (
        found.notes[
            "bn_adapt: adapted to the faces as they were answered, 40 at a time in random order (seed 3)"
        ]
        == 80
    )
    plain = evaluate(model, target, resamples=20)
    assert plain.model == "source_only" and not plain.notes
    assert not np.allclose(table(plain), table(found), atol=1e-3)


def test_every_domain_starts_anew_and_no_label_is_read(model, target, monkeypatch) -> None:
    adaptation = open_adaptation("tent", model)
    first = evaluate(model, target, adapt=adaptation, resamples=20)
    again = evaluate(model, target, adapt=adaptation, resamples=20)
    assert np.array_equal(table(first), table(again))
    names = target.pack.manifest["expression"]
    target.pack.manifest["expression"] = names.to_numpy()[::-1]
    turned = Domain(target.pack, target.rows, target.classes)
    assert np.array_equal(table(evaluate(model, turned, adapt=adaptation, resamples=20)), table(first))


def test_shares_of_the_classes_are_corrected_over_all_faces(model, target) -> None:
    adaptation = open_adaptation("prior_shift", model, shares="equal")
    found = evaluate(model, target, adapt=adaptation, resamples=20)
    assert sum("corrected to the shares of the classes given" in note for note in found.notes) == 1
    plain = table(evaluate(model, target, resamples=20))
    wanted = plain ** (1 / adaptation.calibration.temperature) / adaptation.calibration.prior
    assert np.allclose(table(found), wanted / wanted.sum(1, keepdims=True), atol=1e-4)
