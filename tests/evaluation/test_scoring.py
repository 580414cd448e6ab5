"""From a domain and answers to an `Evaluation`: who is counted, who is not, and what is written down."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from ferda.batch import Output
from ferda.data.domain import Domain
from ferda.data.pack import write_pack
from ferda.engine.checkpoint import Preprocessing
from ferda.engine.recipe_sections import DataRecipe
from ferda.errors import UserError
from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.metrics import score
from ferda.evaluation.scoring import evaluate, evaluation_of
from ferda.expressions import BASIC
from ferda.faces.crops import CropRule


def test_faces_without_a_label_are_answered_and_counted_but_not_scored(street, adapted):
    assert adapted.counts["rows"] == 400
    assert adapted.counts["without_label"] == 4
    assert adapted.counts["scored"] == adapted.scores.faces == 396
    table = adapted.predictions
    assert len(table) == 400
    assert table.loc[~table["scored"], "label"].isna().all()
    assert table["predicted"].notna().all()


def test_answers_stand_beside_their_own_face(street, world, adapted):
    table = adapted.predictions.set_index("file")
    probabilities = world.answers(street, 0.5)
    for place in (0, 57, 399):
        row = table.loc[street.pack.manifest["file"].iloc[street.rows[place]]]
        assert row["row"] == street.rows[place]
        assert row["predicted"] == BASIC[probabilities[place].argmax()]
        assert [row[f"p_{name}"] for name in BASIC] == pytest.approx(probabilities[place].tolist())
        assert row["confidence"] == pytest.approx(probabilities[place].max())


def test_scores_are_those_of_the_pure_function(street, world, adapted):
    labels, probabilities = street.labels(), world.answers(street, 0.5)
    known = labels >= 0
    assert adapted.scores == score(labels[known], probabilities[known], BASIC)


def test_remarks_of_the_data_are_kept(adapted):
    assert adapted.notes == {"no face found": 10}
    assert adapted.counts["unusable"] == 2


def test_subjects_make_groups_and_clusters_by_themselves(adapted, at_home):
    assert [groups.column for groups in adapted.groups] == ["subject", "camera"]
    assert adapted.intervals.unit == "subjects" and adapted.intervals.units == 20
    assert at_home.groups == () and at_home.intervals.unit == "faces"


def test_wrong_faces_come_with_the_most_confident_first(adapted):
    wrong = adapted.wrong
    assert len(wrong) == adapted.scores.faces - np.trace(adapted.scores.matrix)
    assert wrong["confidence"].is_monotonic_decreasing
    assert wrong["label"].notna().all()


def test_a_subset_of_classes_is_scored_and_the_rest_counted(street, world):
    evaluation = world.evaluation(street, 0.5, classes_scored=("anger", "happiness"), resamples=50)
    assert evaluation.scores.scored == ("anger", "happiness")
    assert evaluation.counts["scored"] + evaluation.counts["class_not_scored"] == 396
    assert set(evaluation.predictions.loc[evaluation.predictions["scored"], "label"]) == {
        "anger",
        "happiness",
    }


def test_saving_and_loading_changes_nothing(adapted, tmp_path):
    adapted.save(tmp_path / "evaluation")
    back = Evaluation.load(tmp_path / "evaluation")
    assert back == adapted
    assert back.predictions["file"].tolist() == adapted.predictions["file"].tolist()
    assert back.wrong["file"].tolist() == adapted.wrong["file"].tolist()
    json.loads((tmp_path / "evaluation" / "metrics.json").read_text(), parse_constant=pytest.fail)


def test_affect_is_scored_where_model_and_manifest_have_it(world, tmp_path):
    truth = np.linspace(-1, 1, 400)
    known = np.where(np.arange(400) < 10, np.nan, truth)
    domain = world.domain(valence=known, arousal=-2.0)
    said = np.stack([truth[domain.rows] / 2, np.zeros(400)], 1).astype(np.float32)
    plain = world.evaluation(domain, 0.5, resamples=50)
    assert plain.affect == () and "valence" not in plain.predictions
    found = world.evaluation(domain, 0.5, resamples=50, affect=said)
    (valence,) = found.affect
    assert (valence.name, valence.faces, valence.sign_agreement) == ("valence", 390, 1.0)
    assert valence.rmse == pytest.approx(np.sqrt((truth[10:] ** 2 / 4).mean()))
    table = found.predictions.set_index("file")
    file = domain.pack.manifest["file"].iloc[300]
    assert table.loc[file, "valence_predicted"] == pytest.approx(truth[300] / 2, rel=1e-5)
    assert table.loc[file, "valence"] == truth[300]
    found.save(tmp_path)
    assert Evaluation.load(tmp_path) == found
    old = {name: value for name, value in found.to_dict().items() if name != "affect"}
    assert Evaluation.from_dict(old, found.predictions).affect == ()


def test_loading_nothing_is_a_users_mistake(tmp_path):
    with pytest.raises(UserError, match="evaluate again"):
        Evaluation.load(tmp_path)


def test_an_unknown_group_column_is_a_users_mistake(street, world):
    with pytest.raises(UserError, match="did you mean 'camera'"):
        world.evaluation(street, 0.5, groups=["camra"])


def test_a_domain_without_labels_is_a_users_mistake(world):
    domain = world.domain(faces=30)
    domain.pack.manifest["expression"] = None
    with pytest.raises(UserError, match="no face with a label"):
        evaluation_of(domain, np.full((30, 7), 1 / 7, np.float32), model="x")


def model_for(domain, classes=BASIC, crop="aligned", affect=False, temperature=1.0):
    """A method that reads the class from the brightness of a picture, behind the contract of a checkpoint."""

    class Reader(torch.nn.Module):
        def forward(self, images, landmarks=None):
            level = images.mean((1, 2, 3)) * 255
            logits = -((level[:, None] - torch.arange(7) * 30.0) ** 2)
            views = {"affect": torch.stack([level, -level], 1) / 255} if affect else {}
            return Output(logits=logits, features=images.flatten(1)[:, :5], views=views)

    return SimpleNamespace(
        method=Reader(),
        classes=classes,
        preprocessing=Preprocessing(
            crop=CropRule(kind=crop, size=8), size=8, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)
        ),
        metadata={"method": "reader", "selected_by": "im", "epoch": 3},
        temperature=temperature,
    )


@pytest.fixture
def bright(tmp_path):
    """A real pack whose pictures are as bright as their class says."""
    labels = np.arange(70) % 7
    images = np.broadcast_to((labels * 30)[:, None, None, None], (70, 8, 8, 3)).astype(np.uint8)
    manifest = pd.DataFrame({"file": [f"{i}.png" for i in range(70)], "expression": np.array(BASIC)[labels]})
    made = write_pack(tmp_path / "bright", images, manifest, crop={"kind": "aligned", "size": 8})
    return Domain(made, np.arange(70)[::-1].copy(), BASIC, "bright")


def test_a_model_is_run_over_a_real_domain(bright):
    evaluation = evaluate(model_for(bright), bright, batch=16, resamples=50)
    assert evaluation.scores.accuracy == 1.0
    assert (evaluation.model, evaluation.selected_by) == ("reader", "im, epoch 3")
    assert evaluation.features is not None and evaluation.features.shape == (70, 5)
    assert evaluation.predictions["file"].iloc[0] == "69.png"
    assert evaluation.notes == {}


def test_answers_are_as_sure_as_predict_gives_them(bright):
    raw, softened = (
        evaluate(model_for(bright, temperature=t), bright, resamples=50).predictions for t in (1.0, 400.0)
    )
    names = [name for name in raw if name.startswith("p_")]
    assert raw[names].max(axis=1).min() > 0.99 and softened[names].max(axis=1).max() < 0.9


def test_what_a_model_says_of_affect_is_measured(bright):
    bright.pack.manifest["arousal"] = -(np.arange(70) % 7 * 30) / 255
    (arousal,) = evaluate(model_for(bright, affect=True), bright, batch=16, resamples=50).affect
    assert (arousal.name, arousal.faces) == ("arousal", 70) and arousal.rmse < 1e-6
    assert evaluate(model_for(bright), bright, batch=16, resamples=50).affect == ()


def test_another_crop_than_the_models_is_remarked(bright):
    evaluation = evaluate(model_for(bright, crop="box"), bright, resamples=50)
    assert evaluation.notes == {
        "cut out as 'aligned', while the model learned from faces cut out as 'box'": 70
    }


def test_other_classes_than_the_models_are_a_users_mistake(bright):
    with pytest.raises(UserError, match="open the domain with the model's classes"):
        evaluate(model_for(bright, classes=BASIC[:6]), bright)


def test_a_score_on_faces_that_were_learned_from_is_refused_unless_allowed(bright, tmp_path):
    model = model_for(bright)
    model.metadata["recipe"] = {"data": DataRecipe(sources=(f"{bright.pack.path}@all",)).model_dump()}
    with pytest.raises(UserError, match=r"would not be honest.* go on with allow_leaks=True"):
        evaluate(model, bright, resamples=50)
    allowed = evaluate(model, bright, resamples=50, allow_leaks=True)
    assert allowed.scores.faces == 70 and 50 < allowed.notes["trained on with their labels"] < 70
    others = write_pack(tmp_path / "others", bright.pack.images, bright.pack.manifest, crop=bright.pack.crop)
    assert evaluate(model, Domain(others, np.arange(70), BASIC), resamples=50).notes == {}
