"""The safety rule against planted damage, and its two numbers against other ways to compute them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from ferda.adaptation.evidence import Evidence
from ferda.adaptation.safety import judge, plausibility

CLASSES = ("anger", "happiness", "neutral", "surprise")
TRUTH = np.repeat(np.arange(4), (30, 60, 60, 50))


def said(answers: np.ndarray, sure: float, wobble: float, seed: int = 0) -> Evidence:
    """Answers with a confidence, of which a share changes from view to view."""
    rng = np.random.default_rng(seed)
    views = []
    for number in range(4):
        lost = rng.random(len(answers)) < (wobble if number else 0)
        shown = np.where(lost, rng.integers(0, 4, len(answers)), answers)
        views.append(np.where(np.eye(4)[shown] == 1, sure, (1 - sure) / 3))
    return Evidence(np.stack(views))


def mistaken(share: float, seed: int = 1) -> np.ndarray:
    """The truth, of which a share is answered by lot."""
    rng = np.random.default_rng(seed)
    lost = rng.random(len(TRUTH)) < share
    return np.where(lost, rng.integers(0, 4, len(TRUTH)), TRUTH)


OLD = said(mistaken(0.4), sure=0.65, wobble=0.25)


def failed(after: Evidence) -> list[str]:
    return [check.name.split()[0] for check in judge(OLD, after, CLASSES).checks if not check.passed]


@pytest.mark.parametrize("seed", range(5))
def test_a_good_adaptation_passes(seed: int) -> None:
    better = np.where(np.random.default_rng(seed).random(len(TRUTH)) < 0.5, TRUTH, OLD.answers)
    assert (better == TRUTH).mean() > (OLD.answers == TRUTH).mean() + 0.1
    verdict = judge(OLD, said(better, 0.7, 0.2, seed + 9), CLASSES)
    assert not verdict.kept_old, verdict.sentence
    assert "no check speaks against it" in verdict.sentence


def test_the_same_model_passes() -> None:
    assert failed(OLD) == []


def test_a_collapse_is_noticed_however_sure_and_steady_it_is() -> None:
    verdict = judge(OLD, said(np.full(len(TRUTH), 2), 0.999, 0.0), CLASSES)
    assert verdict.kept_old
    assert "hardly answers anger, happiness, surprise any more" in verdict.sentence
    assert {"expressions", "steady"} <= set(failed(said(np.full(len(TRUTH), 2), 0.999, 0.0)))


def test_one_expression_that_vanishes_is_noticed() -> None:
    # AaD did so with neutral on real faces: surer, steadier, better balanced, and wrong
    without = np.where(OLD.answers == 2, (OLD.answers + TRUTH) % 2, OLD.answers)
    verdict = judge(OLD, said(without, 0.95, 0.05), CLASSES)
    assert [check.found for check in verdict.checks if not check.passed] == ["neutral"]


@pytest.mark.parametrize("seed", range(5))
def test_answers_learned_from_noise_are_noticed(seed: int) -> None:
    sure_old = said(mistaken(0.15), 0.9, 0.05)
    noisy = said(np.random.default_rng(seed).permutation(TRUTH), 0.95, 0.02, seed)
    verdict = judge(sure_old, noisy, CLASSES)
    assert "contradicts what the old one was sure of" in verdict.sentence


def test_a_model_that_depends_on_the_view_is_noticed() -> None:
    assert failed(said(OLD.answers, 0.65, 0.75)) == ["steady"]


def test_being_surer_decides_nothing() -> None:
    assert failed(said(OLD.answers, 0.99, 0.2)) == failed(said(OLD.answers, 0.4, 0.2)) == []


def test_steadiness_is_cohens_kappa() -> None:
    two = Evidence(OLD.views[:2])
    expected = cohen_kappa_score(two.views[0].argmax(1), two.views[1].argmax(1))
    assert two.steadiness == pytest.approx(expected)
    assert Evidence(said(np.zeros(9, int), 0.9, 0).views).steadiness == 0
    assert said(TRUTH, 0.9, 0).steadiness == pytest.approx(1)


def test_plausibility_by_hand() -> None:
    views = np.random.default_rng(3).dirichlet(np.ones(4), (4, 6))
    before = Evidence(views)
    after = Evidence(np.random.default_rng(4).dirichlet(np.ones(4), (4, 6)))
    expected = 0.0
    for face in range(6):
        doubts = [math.fsum(views[view][face][c] for view in range(4)) / 4 for c in range(4)]
        new = list(after.views[0][face]).index(max(after.views[0][face]))
        expected += math.log(doubts[new]) - math.fsum(q * math.log(q) for q in doubts)
    assert plausibility(before, after) == pytest.approx(expected / 6)
    # an answer as likely as all others is exactly as likely as expected
    even = Evidence(np.full((4, 6, 4), 0.25))
    assert plausibility(even, after) == pytest.approx(0)


def test_models_are_compared_on_the_same_faces() -> None:
    with pytest.raises(ValueError, match="same faces"):
        judge(OLD, Evidence(OLD.views[:, 1:]), CLASSES)
