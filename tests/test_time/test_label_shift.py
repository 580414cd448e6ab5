"""Shares of the classes: found where only they differ, not believed where more does, never NaN."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ferda.test_time.calibrating import calibrate
from ferda.test_time.label_shift import corrected, estimate, moments, most_likely_shares, within

SOURCE = np.array([0.12, 0.03, 0.02, 0.33, 0.11, 0.09, 0.30])
CLASSES, WIDTH = 7, 6


@dataclass
class World:
    """Faces are points around the centre of their class; the model knows the centres."""

    seed: int
    spread: float = 1.4

    def __post_init__(self) -> None:
        self.draw = np.random.default_rng(self.seed)
        self.centres = self.spread * self.draw.normal(size=(CLASSES, WIDTH))

    def faces(self, count, shares, gap=0.0):
        labels = self.draw.choice(CLASSES, count, p=shares)
        moved = self.draw.normal(size=(CLASSES + 1, WIDTH))
        moved *= gap / np.linalg.norm(moved, axis=1, keepdims=True)
        noise = (1 + gap / 2) * self.draw.normal(size=(count, WIDTH))
        return self.centres[labels] + moved[-1] + 0.7 * moved[labels] + noise, labels

    def answers(self, points, prior, sureness=1.0):
        scores = -((points[:, None] - self.centres) ** 2).sum(2) / 2 + np.log(prior)
        powers = np.exp(sureness * (scores - scores.max(1, keepdims=True)))
        return powers / powers.sum(1, keepdims=True)


def accuracy(answers, labels):
    return float((answers.argmax(1) == labels).mean())


def judged(world, target, gap=0.0, trained=SOURCE, sureness=1.5, count=1000, noise=0.0):
    """What calibration on the source and an estimate on the target make of a model trained with a prior."""
    points, labels = world.faces(2000, SOURCE)
    known = world.answers(points, trained, sureness)
    truth = np.eye(CLASSES)[labels]
    fitted = calibrate(known, truth, trained)
    by_class = truth.T @ moments(fitted.applied(known)) + moments(np.eye(CLASSES))
    by_class /= truth.sum(0)[:, None] + 1
    points, labels = world.faces(count, target, gap)
    answers = world.answers(points, trained, sureness)
    rows = fitted.applied(answers)
    found = estimate(rows, fitted.prior, bound=10, sureness=2, by_class=by_class)
    return answers, labels, corrected(rows, fitted.prior, found.shares), found


def test_expectation_maximisation_by_loops() -> None:
    world = World(0)
    points, _ = world.faces(25, SOURCE[::-1])
    rows = world.answers(points, SOURCE)
    shares = list(SOURCE)
    for _ in range(1000):
        sums = [0.0] * CLASSES
        for row in rows:
            weighted = [p * t / s for p, t, s in zip(row, shares, SOURCE, strict=True)]
            for y in range(CLASSES):
                sums[y] += weighted[y] / sum(weighted)
        shares = [value / len(rows) for value in sums]
    assert most_likely_shares(rows, SOURCE) == pytest.approx(np.array(shares), abs=5e-3)


def test_no_shares_within_the_bounds_are_likelier() -> None:
    world = World(1)
    points, _ = world.faces(300, np.eye(CLASSES)[2] * 0.93 + 0.01)
    rows = world.answers(points, SOURCE)
    found = most_likely_shares(rows, SOURCE, bound=3)
    assert found[2] == pytest.approx(0.06) and (found >= SOURCE / 3 - 1e-12).all()

    def likelihood(shares):
        return np.log((rows * shares / SOURCE).sum(1)).sum()

    draw = np.random.default_rng(0)
    others = (within(draw.dirichlet(np.ones(CLASSES)), SOURCE / 3, SOURCE * 3) for _ in range(200))
    assert all(likelihood(other) <= likelihood(found) + 1e-6 for other in others)


@given(st.integers(0, 10_000))
@settings(max_examples=settings.default.max_examples // 10)
def test_true_shares_are_recovered(seed: int) -> None:
    world = World(seed)
    target = np.random.default_rng(seed + 1).dirichlet(np.full(CLASSES, 3.0))
    points, labels = world.faces(4000, target)
    rows = world.answers(points, SOURCE)
    bound = max(10, (target / SOURCE).max() * 1.1, (SOURCE / target).max() * 1.1)
    shares = most_likely_shares(rows, SOURCE, bound)
    assert np.abs(shares - target).max() < 0.06
    assert accuracy(corrected(rows, SOURCE, shares), labels) >= accuracy(rows, labels) - 0.005


@given(st.integers(0, 10_000))
@settings(max_examples=settings.default.max_examples // 10)
def test_where_nothing_differs_nothing_changes(seed: int) -> None:
    world = World(seed)
    points, _ = world.faces(700, SOURCE)
    found = estimate(world.answers(points, SOURCE), SOURCE, bound=10, sureness=3)
    assert found.refused is not None or np.abs(found.shares - SOURCE).max() < 0.08


@given(
    arrays(float, (80, 3), elements=st.sampled_from([0.0, 1e-300, 1e-8, 0.5, 1.0])),
    st.sampled_from([(1 / 3, 1 / 3, 1 / 3), (0.998, 0.001, 0.001), (1e-9, 0.5, 0.5 - 1e-9)]),
    st.sampled_from([1.0, 10.0, np.inf]),
)
@settings(max_examples=settings.default.max_examples // 4)
def test_it_is_finite_whatever_the_answers(raw: np.ndarray, prior: tuple[float, ...], bound: float) -> None:
    raw[raw.sum(1) == 0] = 1
    rows = raw / raw.sum(1, keepdims=True)
    given_prior = np.array(prior) / sum(prior)
    found = estimate(rows, given_prior, bound=bound, sureness=2, by_class=moments(np.eye(3)))
    new = corrected(rows, given_prior, found.shares)
    assert found.shares.sum() == pytest.approx(1) and np.isfinite(found.shares).all()
    assert np.isfinite(new).all() and new.sum(1) == pytest.approx(1)
    assert (found.shares <= given_prior * bound + 1e-9).all()


@given(arrays(float, 5, elements=st.floats(0, 1)), st.floats(1, 50))
def test_bounds_hold_and_the_sum_is_one(shares: np.ndarray, bound: float) -> None:
    prior = np.array([0.5, 0.3, 0.1, 0.07, 0.03])
    found = within(shares, prior / bound, np.minimum(prior * bound, 1))
    assert found.sum() == pytest.approx(1)
    assert (found >= prior / bound - 1e-9).all() and (found <= prior * bound + 1e-9).all()
    free = (found > prior / bound + 1e-9) & (found < np.minimum(prior * bound, 1) - 1e-9)
    factors = found[free] / np.maximum(shares[free], 1e-15)
    assert factors == pytest.approx(factors[:1].repeat(len(factors)), rel=1e-6)


def test_a_row_whose_classes_have_lost_their_share_stays_as_it_was() -> None:
    rows = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]])
    with np.errstate(all="raise"):
        new = corrected(rows, np.full(3, 1 / 3), np.array([0.0, 0.4, 0.6]))
    assert new.tolist() == [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]


def test_few_faces_say_nothing() -> None:
    found = estimate(np.full((20, 3), 1 / 3), np.full(3, 1 / 3), bound=10, sureness=2)
    assert found.refused == "20 faces are too few, it takes 30"


def test_the_prior_of_class_weights_is_measured_and_the_rarest_class_does_not_swallow_all() -> None:
    world, even = World(4), np.full(CLASSES, 1 / CLASSES)
    target = np.array([0.10, 0.02, 0.01, 0.45, 0.05, 0.07, 0.30])
    answers, labels, new, found = judged(world, target, trained=even)
    assert found.refused is None and np.abs(found.shares - target).max() < 0.05
    assert accuracy(new, labels) > accuracy(answers, labels)
    # the same model, taken for one that expects the source's counts: rare classes are made frequent
    mistaken = corrected(answers, SOURCE, most_likely_shares(answers, SOURCE))
    rare = np.argsort(SOURCE)[:2]
    assert np.isin(mistaken.argmax(1), rare).mean() > 3 * np.isin(labels, rare).mean()
    assert accuracy(mistaken, labels) < accuracy(answers, labels)


def test_wrong_labels_in_training_mislead_the_shares() -> None:
    """With 30 % of the labels drawn at random, answers to noisy labels are calibrated, shares are not."""
    world, target = World(5), np.array([0.05, 0.20, 0.05, 0.10, 0.25, 0.25, 0.10])
    points, _ = world.faces(3000, target)
    clean = world.answers(points, SOURCE)
    noisy = 0.7 * clean + 0.3 * SOURCE
    wrong = [np.abs(most_likely_shares(rows, SOURCE, 10) - target).sum() for rows in (clean, noisy)]
    assert wrong[0] < 0.1 and wrong[1] > 3 * wrong[0]


def test_a_gap_that_is_no_matter_of_shares_is_refused_more_often_and_rightly() -> None:
    """Worlds with and without a gap: what the checks let pass does less harm than what they stop."""
    passed, stopped = [], []
    for seed in range(24):
        world = World(seed, spread=1.0)
        target = world.draw.dirichlet(SOURCE * 8 + 0.3)
        answers, labels, new, found = judged(world, target, gap=(0.0, 0.6, 1.2)[seed % 3])
        gain = accuracy(new, labels) - accuracy(answers, labels)
        (passed if found.refused is None else stopped).append((gain, seed % 3))
    assert len(passed) > 5 and len(stopped) > 5
    assert np.mean([gain for gain, _ in passed]) > max(0.0, np.mean([gain for gain, _ in stopped]) + 0.01)
    assert np.mean([gap == 0 for _, gap in passed]) > np.mean([gap == 0 for _, gap in stopped])
