"""The headline must be true in every case: better, worse, no difference, nothing to win back."""

from __future__ import annotations

import numpy as np
import pytest

from ferda.evaluation.comparison import compare, headline


def test_the_share_won_back_is_gain_over_cost(adapted, baseline, at_home):
    said = headline(adapted, baseline, at_home)
    before, after, own = (one.scores.macro_recall for one in (baseline, adapted, at_home))
    share = (after - before) / (own - before)
    assert 0.05 < share < 0.95
    assert said.sentence == f"Adaptation won back {100 * share:.0f} % of what the new domain cost."
    assert said.tone == "better"
    assert (said.before, said.after, said.own) == (before, after, own)
    assert f"from {100 * before:.0f} % to {100 * after:.0f} %" in said.detail


def test_worse_is_called_worse(adapted, baseline, at_home):
    said = headline(baseline, adapted, at_home)
    assert said.tone == "worse" and "made it worse" in said.sentence


def test_no_difference_is_not_sold_as_one(adapted, at_home):
    said = headline(adapted, adapted, at_home)
    assert said.tone == "same" and "chance" in said.sentence


def test_where_the_new_domain_cost_nothing_no_share_is_claimed(adapted, baseline):
    said = headline(adapted, baseline, baseline)
    assert said.tone == "better" and "cost nothing" in said.sentence and "won back" not in said.sentence


def test_more_than_all_is_said_so(street, world, baseline, adapted, at_home):
    best = world.evaluation(street, 1.5, resamples=50)
    assert headline(best, baseline, at_home).sentence == "Adaptation won back all that the new domain cost."


def test_without_own_domain_the_gain_is_in_points(adapted, baseline):
    said = headline(adapted, baseline)
    gain = 100 * (adapted.scores.macro_recall - baseline.scores.macro_recall)
    assert said.sentence == f"Adaptation gained {gain:.1f} points."


def test_a_model_alone_is_described(adapted):
    said = headline(adapted)
    assert said.tone == "plain" and said.before is None
    assert f"{100 * adapted.scores.macro_recall:.0f} %" in said.sentence


def test_gain_counts_changed_faces(adapted, baseline):
    gain = compare(baseline, adapted)
    one, other = baseline.predictions, adapted.predictions
    scored = one["scored"]
    assert gain.fixed == (~one["correct"] & other["correct"] & scored).sum()
    assert gain.broken == (one["correct"] & ~other["correct"] & scored).sum()
    assert gain.accuracy == pytest.approx(adapted.scores.accuracy - baseline.scores.accuracy)


def test_different_faces_cannot_be_compared(adapted, at_home):
    with pytest.raises(ValueError):
        compare(adapted, at_home)
    assert np.isfinite(adapted.scores.accuracy)
