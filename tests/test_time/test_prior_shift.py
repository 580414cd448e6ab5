"""What prior_shift measures on the sources, and what it does to answers at the end."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from ferda.errors import UserError
from ferda.test_time.base import SourceKnowledge
from ferda.test_time.calibrating import Calibration
from ferda.test_time.label_shift import corrected, most_likely_shares
from ferda.test_time.prior_shift import PriorShift, PriorShiftConfig

PRIOR = np.array([0.6, 0.3, 0.1])


def shifted(rows: int = 600, seed: int = 0) -> np.ndarray:
    """Calibrated answers, under PRIOR, to faces of which most are of the rarest class."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(3, rows, p=[0.2, 0.2, 0.6])
    centres = 2.2 * np.eye(3)
    points = centres[labels] + draw.normal(size=(rows, 3))
    scores = np.exp(-((points[:, None] - centres) ** 2).sum(2) / 2) * PRIOR
    return (scores / scores.sum(1, keepdims=True)).astype(np.float32)


def test_answers_are_corrected_at_the_end_and_the_remark_says_to_what(hand, tiny) -> None:
    adaptation = PriorShift(tiny, PriorShiftConfig(prior=tuple(PRIOR)), hand.source)
    (batch,) = hand.stream(1)
    assert np.allclose(adaptation.answer(batch).logits, tiny(batch).logits.detach())
    answers = shifted()
    new = adaptation.finish(answers)
    shares = most_likely_shares(answers, PRIOR, 10)
    assert adaptation.shares == pytest.approx(shares) and shares[2] == pytest.approx(0.6, abs=0.1)
    assert new == pytest.approx(corrected(answers, PRIOR, shares), abs=1e-5) and new.dtype == np.float32
    (remark,) = adaptation.remarks
    assert f"neutral {100 * shares[2]:.1f} % (10.0 %)" in remark and "temperature 1.00" in remark


def test_what_is_not_believed_changes_nothing(tiny) -> None:
    adaptation = PriorShift(tiny, PriorShiftConfig(prior=tuple(PRIOR), sureness=1e6))
    answers = shifted()
    assert adaptation.finish(answers) is answers
    assert adaptation.remarks == [
        "the answers were left as they were: faces held back do not become more likely with the new shares"
    ]
    adaptation.reset()
    assert adaptation.remarks == [] and adaptation.shares is None


def test_shares_that_are_known_are_taken(tiny) -> None:
    answers = shifted(5)
    equal = PriorShift(tiny, PriorShiftConfig(prior=tuple(PRIOR), shares="equal")).finish(answers)
    wanted = answers / PRIOR
    assert equal == pytest.approx(wanted / wanted.sum(1, keepdims=True), rel=1e-5)
    same = PriorShift(tiny, PriorShiftConfig(prior=tuple(PRIOR), shares=tuple(PRIOR))).finish(answers)
    assert same == pytest.approx(answers, rel=1e-5)


def test_temperature_and_prior_come_from_held_out_faces(hand, tiny) -> None:
    adaptation = PriorShift(tiny, source=hand.source)
    rows = [(tiny(batch.images).probabilities.detach().double(), batch.labels) for batch in hand.held_out()()]
    answers = np.concatenate([said.numpy() for said, _ in rows])
    labels = np.concatenate([truth.numpy() for _, truth in rows])

    def cost(calibration: Calibration) -> float:
        h = (np.bincount(labels, minlength=3) + 1) / (len(labels) + 3)
        said = corrected(calibration.applied(answers), calibration.prior, h)
        return -float(np.log(said[np.arange(len(labels)), labels]).sum())

    found = adaptation.calibration
    assert cost(found) < cost(Calibration(1.0, np.full(3, 1 / 3))) - 1
    # and by class, one more row with the right answer stands beside the mean of the calibrated ones
    own = np.concatenate([found.applied(answers)[labels == 1], [[0, 1, 0]]])
    assert adaptation._by_class[1] == pytest.approx(np.concatenate([own.mean(0), (own**2).mean(0)]))


def test_without_sources_it_says_what_to_do(tiny) -> None:
    with pytest.raises(UserError, match="must know what the model was trained on"):
        PriorShift(tiny)


def test_wrong_shares_are_mistakes(tiny) -> None:
    with pytest.raises(UserError, match="2 shares for the 3 classes"):
        PriorShift(tiny, PriorShiftConfig(prior=(0.5, 0.5)))
    for wrong in ((0.5, 0.4), (1.0, 0.0), ()):
        with pytest.raises(ValidationError, match="above 0 and sum to one"):
            PriorShiftConfig(shares=wrong)


def test_a_class_without_held_out_faces_has_a_mean(hand, tiny) -> None:
    def two() -> object:
        return (batch for batch in hand.held_out()() if batch.labels.clamp_(max=1) is not None)

    adaptation = PriorShift(tiny, source=SourceKnowledge(("a", "b", "c"), np.full(3, 1 / 3), two))
    assert adaptation._by_class[2] == pytest.approx([0, 0, 1, 0, 0, 1])
    assert np.isfinite(adaptation.calibration.prior).all() and adaptation.calibration.prior.min() > 0
