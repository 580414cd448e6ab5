"""The nuclear norm of answers: by hand, against eigenvalues, and in its traps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from ferda.selection.bnm import score


def test_balanced_one_hot_answers_have_the_largest_norm(outputs) -> None:
    one_hot = np.eye(7, dtype=np.float32)[np.arange(70) % 7]
    assert score(outputs(one_hot)) == pytest.approx(math.sqrt(7 / 70))
    two = np.array([[1.0, 0.0], [0.6, 0.8]])  # singular values sqrt(1.6) and sqrt(0.4)
    assert score(outputs(two)) == pytest.approx((math.sqrt(1.6) + math.sqrt(0.4)) / 2, rel=1e-6)


@settings(max_examples=settings.default.max_examples // 4)
@given(seed=st.integers(0, 10_000), count=st.integers(1, 40))
def test_it_is_the_sum_of_roots_of_eigenvalues(outputs, seed: int, count: int) -> None:
    rows = softmax(3 * np.random.default_rng(seed).normal(size=(count, 7)), 1)
    eigenvalues = np.linalg.eigvalsh(rows.T @ rows)
    expected = sum(math.sqrt(max(value, 0.0)) for value in eigenvalues) / count
    assert score(outputs(rows)) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_a_collapsed_model_scores_least(outputs, answers, natural) -> None:
    collapsed, uniform = answers(np.full(600, 3), 0.999), np.full((600, 7), 1 / 7)
    good = score(outputs(answers(natural, 0.8)))
    assert score(outputs(collapsed)) == pytest.approx(1 / math.sqrt(600), rel=0.01)
    assert score(outputs(uniform)) < score(outputs(collapsed)) < good


def test_trap_false_balance_beats_the_truth_on_unbalanced_faces(outputs, answers, natural) -> None:
    assert score(outputs(answers(np.arange(600) % 7))) > score(outputs(answers(natural)))


def test_trap_sure_and_wrong_scores_as_sure_and_right(outputs, answers, natural) -> None:
    wrong = answers((natural + 1) % 7)
    assert score(outputs(wrong)) == pytest.approx(score(outputs(answers(natural))), rel=1e-6)
