"""Deep embedded validation: the risk by loops, known density ratios, and the traps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.selection.dev import density_ratios, risk, score


def by_loops(weights: list[float], losses: list[float]) -> float:
    """The formula of the paper, term by term."""
    count = len(weights)
    weighted = [w * loss for w, loss in zip(weights, losses, strict=True)]
    mean_w, mean_wl = sum(weights) / count, sum(weighted) / count
    variance = sum((w - mean_w) ** 2 for w in weights) / (count - 1)
    pairs = zip(weighted, weights, strict=True)
    covariance = sum((wl - mean_wl) * (w - mean_w) for wl, w in pairs) / (count - 1)
    eta = -covariance / variance
    return mean_wl + eta * mean_w - eta


@settings(max_examples=settings.default.max_examples // 2)
@given(st.integers(0, 10_000), st.integers(2, 40))
def test_the_risk_equals_a_second_implementation(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    weights, losses = rng.gamma(2, size=count), (rng.random(count) < 0.4).astype(float)
    assert risk(weights, losses) == pytest.approx(by_loops([*weights], [*losses]), rel=1e-9, abs=1e-9)


def test_equal_weights_give_the_plain_error() -> None:
    assert risk(np.ones(4), np.array([1.0, 0, 0, 0])) == 0.25
    assert risk(np.ones(1), np.ones(1)) == 1


def test_the_control_variate_mends_weights_that_do_not_average_to_one() -> None:
    # every row is wrong, so the error is 1 whatever the weights
    assert risk(np.array([0.5, 1.0, 2.5]), np.ones(3)) == pytest.approx(1)


def test_ratios_of_two_known_densities() -> None:
    rng = np.random.default_rng(0)
    source, target = rng.normal(0, 1, (1500, 1)), rng.normal(1, 1, (1000, 1))
    found = np.log(density_ratios(source, target))
    true = source[:, 0] - 0.5  # log of N(1, 1) over N(0, 1)
    assert np.corrcoef(found, true)[0, 1] > 0.99
    assert np.abs(found - true).mean() < 0.15


def test_few_rows_teach_nobody() -> None:
    assert [*density_ratios(np.zeros((3, 2)), np.ones((9, 2)))] == [1, 1, 1]


def world(outputs, shift: float, mistakes_above: float) -> tuple[float, float, float]:
    """Score, true error on the target and error on the source; the model errs where a feature is large."""
    rng = np.random.default_rng(0)
    source, target = rng.normal(0, 1, (2000, 2)), rng.normal([shift, 0], 1, (2000, 2))
    wrong = source[:, 0] > mistakes_above
    said = np.eye(7)[wrong.astype(int)]
    seen = outputs(
        np.full((2000, 7), 1 / 7),
        target,
        source_probabilities=said,
        source_labels=np.zeros(2000, int),
        source_features=source,
    )
    return score(seen), float((target[:, 0] > mistakes_above).mean()), float(wrong.mean())


def test_it_estimates_the_error_on_the_target_from_the_source(outputs) -> None:
    value, true, at_home = world(outputs, shift=1.0, mistakes_above=1.0)
    assert true > at_home + 0.3
    assert -value == pytest.approx(true, abs=0.08)


def test_rows_without_a_label_do_not_count(outputs) -> None:
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(40) < 30, 1, -1)
    source = {"source_probabilities": np.eye(7)[labels], "source_features": rng.normal(size=(40, 3))}
    seen = outputs(np.full((20, 7), 1 / 7), rng.normal(size=(20, 3)), source_labels=labels, **source)
    assert score(seen) == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="labelled"):
        score(outputs(np.full((20, 7), 1 / 7)))


def test_a_collapsed_model_is_seen_by_its_errors_at_home(outputs, answers, blobs, natural) -> None:
    home = {"source_labels": natural, "source_features": blobs(natural, seed=1)}
    good, collapsed = (
        score(outputs(answers(said), blobs(natural), source_probabilities=answers(said), **home))
        for said in (natural, np.full(600, 3))
    )
    assert good == pytest.approx(0, abs=1e-6)
    assert collapsed < -0.4


def test_trap_sure_and_wrong_beyond_the_source_is_not_seen(outputs) -> None:
    value, true, _ = world(outputs, shift=8.0, mistakes_above=4.0)
    assert true > 0.99
    assert value > -0.1  # no source row is as far out as the errors are


def test_trap_an_expression_that_looks_alike_but_is_labelled_otherwise_is_not_seen(
    outputs, answers, blobs, natural
) -> None:
    seen = outputs(
        answers((natural + 1) % 7),
        blobs(natural),
        source_probabilities=answers(natural),
        source_labels=natural,
        source_features=blobs(natural, seed=1),
    )
    assert score(seen) == pytest.approx(0, abs=1e-6)  # all wrong on the target


def test_another_share_of_expressions_is_weighed_where_features_tell_them_apart(
    outputs, answers, blobs
) -> None:
    home, abroad = np.arange(700) % 7, np.repeat([3, 0, 1, 2, 4, 5, 6], [400, *[50] * 6])
    never_happy = {
        name: np.where(rows == 3, 6, rows) for name, rows in {"home": home, "abroad": abroad}.items()
    }
    seen = outputs(
        answers(never_happy["abroad"]),
        blobs(abroad, spread=1.0),
        source_probabilities=answers(never_happy["home"]),
        source_labels=home,
        source_features=blobs(home, spread=1.0, seed=1),
    )
    assert -score(seen) == pytest.approx(400 / 700, abs=0.06)  # a seventh at home
