"""Temperature and prior: planted ones are found, and the likelihood is at its top."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ferda.test_time.calibrating import calibrate, fit_temperature, smoothed, softmax, tempered


def held_out(seed: int, rows: int, slope: float, classes: int = 4):
    """Answers of a model that is too sure, or not enough, with a prior of its own; labels; that prior."""
    generator = np.random.default_rng(seed)
    shares, assumed = generator.dirichlet(np.full(classes, 4.0), size=2)
    logits = 1.5 * generator.normal(size=(rows, classes))
    truth = softmax(logits)
    labels = (truth.cumsum(1) < generator.random((rows, 1))).sum(1).clip(max=classes - 1)
    known = np.bincount(labels, minlength=classes) / rows
    # log truth = slope * log answer + log shares of the rows - log assumed
    answers = softmax((np.log(truth) - np.log(known) + np.log(assumed)) / slope)
    return answers, np.eye(classes)[labels], assumed, shares


@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 2.0]))
@settings(max_examples=settings.default.max_examples // 10)
def test_a_planted_calibration_is_found(seed: int, slope: float) -> None:
    answers, labels, assumed, elsewhere = held_out(seed, 4000, slope)
    found = calibrate(answers, labels, elsewhere)
    assert found.temperature == pytest.approx(1 / slope, rel=0.15)
    assert np.abs(found.prior - assumed).max() < 0.08


@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 3.0]))
@settings(max_examples=settings.default.max_examples // 10)
def test_a_planted_temperature_is_found_and_undone(seed: int, temperature: float) -> None:
    generator = np.random.default_rng(seed)
    truth = softmax(1.5 * generator.normal(size=(4000, 4)))
    labels = (truth.cumsum(1) < generator.random((4000, 1))).sum(1).clip(max=3)
    said = tempered(truth, 1 / temperature)
    found = fit_temperature(said, labels)
    assert found == pytest.approx(temperature, rel=0.15)
    assert np.abs(tempered(said, found) - truth).max() < 0.1
    assert (tempered(said, found).argmax(1) == said.argmax(1)).all()


def test_a_temperature_without_rows_is_one_and_few_rows_move_it_little() -> None:
    assert fit_temperature(np.zeros((0, 3)), np.zeros(0, int)) == pytest.approx(1, abs=1e-4)
    always_wrong = fit_temperature(np.array([[0.9, 0.1]]), np.array([1]))
    assert 1 < always_wrong < 3


def test_no_other_calibration_is_likelier() -> None:
    answers, labels, _, prior = held_out(1, 60, 2.0)
    found = calibrate(answers, labels, prior)
    shares = (labels.sum(0) + 1) / (len(labels) + 4)

    def cost(slope, bias):
        total = 0.0
        for row, label in zip(answers, labels.argmax(1), strict=True):
            scores = [slope * np.log(p) + b for p, b in zip(row, bias, strict=True)]
            total += np.log(sum(np.exp(scores))) - scores[label]
        doubt = [slope - 1, *(bias - np.log(shares) + np.log(prior))]
        return total + sum(x**2 for x in doubt) / 2

    # the prior is known but for a factor, which the doubt settles: its sum of squares is least at mean 0
    start = np.log(shares) - np.log(prior)
    bias = np.log(shares) - np.log(found.prior)
    bias += (start - bias).mean()
    best = cost(1 / found.temperature, bias)
    for place in range(5):
        for move in (-0.02, 0.02):
            tried = np.array([1 / found.temperature, *bias])
            tried[place] += move
            assert cost(tried[0], tried[1:]) > best


def test_without_rows_all_is_as_given() -> None:
    prior = np.array([0.7, 0.2, 0.1])
    found = calibrate(np.zeros((0, 3)), np.zeros((0, 3)), prior)
    assert found.temperature == 1 and found.prior == pytest.approx(prior)


def test_soft_labels_count_by_their_shares() -> None:
    answers, labels, _, prior = held_out(2, 50, 1.0)
    twice = np.concatenate([answers, answers])
    other = np.roll(labels, 1, axis=1)
    hard = calibrate(twice, np.concatenate([labels, other]), prior)
    soft = calibrate(twice, np.tile((labels + other) / 2, (2, 1)), prior)
    assert soft.temperature == pytest.approx(hard.temperature) and soft.prior == pytest.approx(hard.prior)


@given(
    arrays(float, (12, 3), elements=st.sampled_from([0.0, 1e-300, 1e-8, 0.5, 1.0])),
    st.lists(st.integers(0, 2), min_size=12, max_size=12),
)
@settings(max_examples=settings.default.max_examples // 2)
def test_it_is_finite_whatever_the_answers(raw: np.ndarray, labels: list[int]) -> None:
    raw[raw.sum(1) == 0] = 1
    answers = raw / raw.sum(1, keepdims=True)
    found = calibrate(answers, np.eye(3)[labels], smoothed(np.array([5.0, 0.0, 1.0])))
    assert np.isfinite(found.temperature) and found.temperature > 0
    assert found.prior.sum() == pytest.approx(1) and (found.prior >= 0).all()
    assert np.isfinite(found.applied(answers)).all()
