"""Scores against a count by hand, scikit-learn, and properties that must hold for any faces."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from ferda.errors import UserError
from ferda.evaluation.confusion import accuracy, confusion_matrix, macro, recalls
from ferda.evaluation.metrics import Scores, score
from ferda.expressions import BASIC

THREE = ("anger", "fear", "neutral")


def probabilities_of(answers, classes, confidence=0.8):
    table = np.full((len(answers), classes), (1 - confidence) / (classes - 1))
    table[np.arange(len(answers)), answers] = confidence
    return table


def simulated(seed, faces=300, classes=7):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, faces)
    logits = generator.normal(size=(faces, classes)) + 1.5 * np.eye(classes)[labels]
    table = np.exp(logits)
    return labels, table / table.sum(1, keepdims=True)


def test_a_count_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    answers = np.array([0, 0, 0, 1, 1, 0, 2, 1])
    scores = score(labels, probabilities_of(answers, 3), THREE)
    assert scores.confusion == ((3, 1, 0), (1, 1, 0), (0, 1, 1))
    assert scores.accuracy == 5 / 8
    assert scores.majority == 4 / 8
    assert scores.macro_recall == pytest.approx((3 / 4 + 1 / 2 + 1 / 2) / 3)
    anger, fear, neutral = scores.per_class
    assert (anger.faces, anger.answered, anger.precision, anger.recall) == (4, 4, 3 / 4, 3 / 4)
    assert (fear.precision, fear.recall, fear.f1) == (1 / 3, 1 / 2, pytest.approx(2 / 5))
    assert (neutral.precision, neutral.recall, neutral.f1) == (1.0, 1 / 2, pytest.approx(2 / 3))
    assert scores.macro_f1 == pytest.approx((3 / 4 + 2 / 5 + 2 / 3) / 3)


@pytest.mark.parametrize("seed", range(5))
def test_equals_scikit_learn(seed):
    labels, table = simulated(seed)
    answers = table.argmax(1)
    scores = score(labels, table, BASIC)
    assert (scores.matrix == reference.confusion_matrix(labels, answers)).all()
    assert scores.accuracy == pytest.approx(reference.accuracy_score(labels, answers))
    assert scores.macro_recall == pytest.approx(reference.balanced_accuracy_score(labels, answers))
    assert scores.macro_f1 == pytest.approx(reference.f1_score(labels, answers, average="macro"))
    assert scores.nll == pytest.approx(reference.log_loss(labels, table))
    precision, recall, f1, support = reference.precision_recall_fscore_support(labels, answers)
    assert [row.precision for row in scores.per_class] == pytest.approx(list(precision))
    assert [row.recall for row in scores.per_class] == pytest.approx(list(recall))
    assert [row.f1 for row in scores.per_class] == pytest.approx(list(f1))
    assert [row.faces for row in scores.per_class] == list(support)


def test_an_absent_class_is_named_and_left_out_of_macro_averages():
    labels, table = simulated(0)
    kept = labels != 2
    labels, table = labels[kept], table[kept]
    scores = score(labels, table, BASIC)
    present = [i for i in range(7) if i != 2]
    assert scores.absent == (BASIC[2],)
    assert scores.per_class[2].recall is None and scores.per_class[2].f1 is None
    assert scores.per_class[2].answered > 0
    wanted = reference.f1_score(labels, table.argmax(1), labels=present, average="macro")
    assert scores.macro_f1 == pytest.approx(wanted)
    assert scores.macro_recall == pytest.approx(
        reference.recall_score(labels, table.argmax(1), labels=present, average="macro")
    )


def test_a_subset_of_classes_leaves_out_faces_but_not_answers():
    labels = np.array([0, 0, 1, 1, 2])
    answers = np.array([0, 2, 1, 1, 2])
    scores = score(labels, probabilities_of(answers, 3), THREE, classes_scored=("anger", "fear"))
    assert (scores.faces, scores.left_out) == (4, 1)
    assert scores.accuracy == 3 / 4
    assert scores.macro_recall == (1 / 2 + 1) / 2
    assert scores.absent == ()


def test_a_class_that_is_never_answered_has_f1_zero_and_no_precision():
    scores = score(np.array([0, 1]), probabilities_of(np.array([0, 0]), 2), ("anger", "fear"))
    assert scores.per_class[1].precision is None
    assert scores.per_class[1].f1 == 0.0


def test_perfect_answers_are_perfect():
    labels = np.arange(7).repeat(3)
    scores = score(labels, np.eye(7)[labels], BASIC)
    assert (scores.accuracy, scores.macro_recall, scores.macro_f1) == (1.0, 1.0, 1.0)
    assert (scores.ece, scores.ece_adaptive, scores.nll, scores.brier) == (0.0, 0.0, 0.0, 0.0)


def test_a_stack_of_matrices_equals_one_at_a_time():
    stack = np.random.default_rng(0).integers(0, 9, (5, 3, 3))
    assert accuracy(stack) == pytest.approx(np.array([accuracy(one) for one in stack]))
    assert macro(recalls(stack)) == pytest.approx(np.array([macro(recalls(one)) for one in stack]))


@settings(max_examples=settings.default.max_examples // 2)
@given(seed=st.integers(0, 10_000), faces=st.integers(1, 60))
def test_order_of_faces_does_not_matter(seed, faces):
    labels, table = simulated(seed, faces)
    order = np.random.default_rng(seed).permutation(faces)
    one, other = score(labels, table, BASIC), score(labels[order], table[order], BASIC)
    assert one.confusion == other.confusion
    for name in ("accuracy", "macro_recall", "macro_f1", "ece", "ece_adaptive", "nll", "brier"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)


@settings(max_examples=settings.default.max_examples // 2)
@given(seed=st.integers(0, 10_000), faces=st.integers(1, 60))
def test_order_of_classes_does_not_matter(seed, faces):
    labels, table = simulated(seed, faces)
    order = np.random.default_rng(seed).permutation(7)
    renamed = tuple(BASIC[i] for i in order)
    one = score(labels, table, BASIC)
    other = score(np.argsort(order)[labels], table[:, order], renamed)
    for name in ("accuracy", "macro_recall", "macro_f1", "ece", "nll", "brier"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=1e-9)
    by_name = {row.name: row for row in other.per_class}
    assert all(row == by_name[row.name] for row in one.per_class)
    assert set(one.absent) == set(other.absent)


@settings(max_examples=settings.default.max_examples // 2)
@given(seed=st.integers(0, 10_000), faces=st.integers(1, 60))
def test_every_share_lies_between_0_and_1(seed, faces):
    scores = score(*simulated(seed, faces), BASIC)
    for name in ("accuracy", "macro_recall", "macro_f1", "ece", "ece_adaptive", "majority"):
        assert 0 <= getattr(scores, name) <= 1
    assert scores.nll >= 0 and 0 <= scores.brier <= 2
    assert scores.matrix.sum() == scores.faces == sum(row.faces for row in scores.per_class)


def test_a_trip_through_json_changes_nothing():
    labels, table = simulated(3, faces=5)
    scores = score(labels, table, BASIC)
    assert Scores.from_dict(json.loads(json.dumps(scores.to_dict(), allow_nan=False))) == scores


def test_a_class_the_model_does_not_have_is_a_users_mistake():
    with pytest.raises(UserError, match="did you mean 'anger'"):
        score(np.array([0]), np.eye(3)[[0]], THREE, classes_scored=("angr",))


def test_no_face_to_score_is_a_users_mistake():
    with pytest.raises(UserError, match="no face"):
        score(np.array([0]), np.eye(3)[[0]], THREE, classes_scored=("fear",))


@pytest.mark.parametrize(
    ("labels", "table"),
    [
        (np.array([-1]), np.eye(3)[[0]]),
        (np.array([3]), np.eye(3)[[0]]),
        (np.array([0]), np.eye(2)[[0]]),
        (np.array([0]), np.full((1, 3), np.nan)),
    ],
)
def test_arrays_that_cannot_be_scored_are_refused(labels, table):
    with pytest.raises(ValueError):
        score(labels, table, THREE)


def test_confusion_rows_are_the_truth():
    assert confusion_matrix(np.array([0]), np.array([1]), 2).tolist() == [[0, 1], [0, 0]]
