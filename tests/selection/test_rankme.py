"""The effective rank of features: by hand, against eigenvalues, and in its traps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.selection.rankme import score

UNUSED = np.full((1, 7), 1 / 7)


def rank(outputs, features: np.ndarray) -> float:
    return score(outputs(np.repeat(UNUSED, len(features), 0), features))


def test_equal_directions_count_one_each(outputs) -> None:
    assert rank(outputs, np.eye(5)) == pytest.approx(5, rel=1e-5)
    assert rank(outputs, np.diag([3.0, 1.0])) == pytest.approx(4 / 3**0.75, rel=1e-5)


@settings(max_examples=settings.default.max_examples // 4)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 30), width=st.integers(1, 8))
def test_it_is_the_exponential_of_an_entropy(outputs, seed: int, count: int, width: int) -> None:
    features = np.random.default_rng(seed).normal(size=(count, width))
    values = [math.sqrt(max(value, 0.0)) for value in np.linalg.eigvalsh(features.T @ features)]
    shares = [value / sum(values) + 1e-7 for value in values]
    entropy = -sum(share * math.log(share) for share in shares)
    assert rank(outputs, features) == pytest.approx(math.exp(entropy), rel=1e-4)


def test_collapsed_features_have_rank_one(outputs) -> None:
    line = np.outer(np.arange(50), np.ones(8))
    assert rank(outputs, line) == pytest.approx(1, abs=1e-3)
    assert rank(outputs, np.zeros((50, 8))) == 1
    assert rank(outputs, np.full((50, 8), 2.0)) == pytest.approx(1, abs=1e-3)


def test_trap_noise_scores_above_classes_and_answers_do_not_count(outputs, answers, blobs, natural) -> None:
    noise = np.random.default_rng(0).normal(size=(600, 10))
    assert rank(outputs, noise) > rank(outputs, blobs(natural)) + 2
    right, wrong = (score(outputs(answers(classes), blobs(natural))) for classes in (natural, 6 - natural))
    assert right == wrong


def test_trap_unbalanced_faces_use_fewer_directions(outputs, blobs, natural) -> None:
    assert rank(outputs, blobs(natural)) < rank(outputs, blobs(np.arange(600) % 7)) - 0.3
