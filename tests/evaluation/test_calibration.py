"""Calibration numbers against a loop by hand and against models whose calibration is known."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss

from ferda.evaluation.calibration import (
    brier_score,
    calibration_error,
    negative_log_likelihood,
    reliability_table,
)


def two_classes(confidence):
    return np.stack([confidence, 1 - confidence], 1)


def test_error_equals_a_loop_over_bins():
    generator = np.random.default_rng(0)
    table = generator.dirichlet(np.ones(7) * 0.5, 500)
    labels = generator.integers(0, 7, 500)
    confidence, right = table.max(1), table.argmax(1) == labels
    expected = 0.0
    for i in range(15):
        inside = (confidence > i / 15) & (confidence <= (i + 1) / 15)
        if inside.any():
            expected += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert calibration_error(reliability_table(labels, table)) == pytest.approx(expected)


def test_always_sure_and_right_in_two_of_three_is_off_by_a_third():
    labels = np.array([0, 0, 1])
    table = np.array([[1.0, 0.0]] * 3)
    assert calibration_error(reliability_table(labels, table)) == pytest.approx(1 / 3)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_calibrated_model_has_hardly_any_error(adaptive):
    generator = np.random.default_rng(1)
    confidence = generator.uniform(0.5, 1, 40_000)
    labels = (generator.uniform(size=40_000) > confidence).astype(int)
    table = reliability_table(labels, two_classes(confidence), adaptive=adaptive)
    assert calibration_error(table) < 0.012
    assert sum(row.faces for row in table) == 40_000


def test_adaptive_bins_are_equally_full():
    confidence = np.random.default_rng(2).uniform(0.5, 1, 1500)
    table = reliability_table(np.zeros(1500, int), two_classes(confidence), adaptive=True)
    assert {row.faces for row in table} == {100}


def test_edges_belong_to_the_lower_bin():
    table = reliability_table(np.array([0, 0]), two_classes(np.array([0.6, 1.0])), bins=5)
    assert [row.faces for row in table] == [0, 0, 1, 0, 1]
    assert table[0].accuracy is None and table[0].confidence is None


def test_brier_is_twice_the_one_column_score_for_two_classes():
    generator = np.random.default_rng(3)
    confidence, labels = generator.uniform(size=50), generator.integers(0, 2, 50)
    ours = brier_score(labels, two_classes(confidence))
    assert ours == pytest.approx(2 * brier_score_loss(1 - labels, confidence))


def test_likelihood_of_an_impossible_class_stays_finite():
    assert 80 < negative_log_likelihood(np.array([1]), np.array([[1.0, 0.0]])) < 100


def test_no_faces_have_no_error():
    with pytest.raises(ValueError):
        calibration_error(())
