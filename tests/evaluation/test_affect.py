from __future__ import annotations

import numpy as np
import pytest

from ferda.evaluation.affect import score_affect

NAN = np.nan


def test_by_hand() -> None:
    labels = np.array([[0.5, NAN], [-0.5, 0.2], [0.0, 0.4], [1.0, NAN]])
    answers = np.array([[0.1, 9.0], [-0.1, 0.4], [0.2, -0.4], [0.6, 9.0]])
    valence, arousal = score_affect(labels, answers)
    assert (valence.name, valence.faces, arousal.name, arousal.faces) == ("valence", 4, "arousal", 2)
    assert valence.rmse == pytest.approx(np.sqrt((0.16 + 0.16 + 0.04 + 0.16) / 4))
    # means 0.25 and 0.2, variances 0.3125 and 0.065
    covariance = np.mean(labels[:, 0] * answers[:, 0]) - 0.25 * 0.2
    assert valence.ccc == pytest.approx(2 * covariance / (0.3125 + 0.065 + 0.05**2))
    # a label of exactly 0 is agreed with by 0 alone
    assert valence.sign_agreement == 3 / 4 and arousal.sign_agreement == 1 / 2


def test_perfect_constant_and_reversed_answers() -> None:
    labels = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    for scores in score_affect(labels, labels):
        assert (scores.rmse, scores.ccc, scores.sign_agreement) == (0, pytest.approx(1), 1)
    mean = np.broadcast_to(labels.mean(0), labels.shape)
    for place, scores in enumerate(score_affect(labels, mean)):
        assert scores.rmse == pytest.approx(labels[:, place].std()) and scores.ccc == pytest.approx(
            0, abs=1e-12
        )
    assert all(scores.ccc is not None and scores.ccc < -0.9 for scores in score_affect(labels, -labels))


def test_what_nobody_said_is_not_scored() -> None:
    assert score_affect(np.full((3, 2), NAN), np.zeros((3, 2))) == ()
    (only,) = score_affect(np.array([[NAN, 0.3]]), np.array([[0.0, 0.3]]))
    assert (only.name, only.faces, only.rmse, only.ccc) == ("arousal", 1, 0, None)
    with pytest.raises(ValueError, match=r"\(n, 2\)"):
        score_affect(np.zeros((3, 2)), np.zeros((4, 2)))
