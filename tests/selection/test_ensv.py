"""Agreement with the ensemble: by hand, by loops, and where the majority is wrong."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from ferda.selection.ensv import compare, remember


def test_values_by_hand() -> None:
    # means: (0.5, 0.5) goes to the first class, (0.4, 0.6) to the second
    first, second = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.1, 0.9], [0.2, 0.8]])
    assert compare([first, second]) == [0.5, 0.5]
    assert compare([first]) == [1.0]


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 20))
def test_it_equals_a_second_implementation(seed: int, epochs: int, count: int) -> None:
    said = softmax(2 * np.random.default_rng(seed).normal(size=(epochs, count, 4)), -1)
    expected = []
    for epoch in range(epochs):
        agreed = 0
        for row in range(count):
            votes = [sum(said[e][row][c] for e in range(epochs)) for c in range(4)]
            agreed += votes.index(max(votes)) == [*said[epoch][row]].index(max(said[epoch][row]))
        expected.append(agreed / count)
    assert compare([*said]) == pytest.approx(expected)


def test_it_remembers_the_answers_for_the_target(outputs, answers, natural) -> None:
    assert np.array_equal(remember(outputs(answers(natural))), answers(natural))


def test_a_single_collapsed_epoch_cannot_win_however_sure(answers, natural) -> None:
    rng = np.random.default_rng(0)
    nearly = [np.where(rng.random(600) < 0.8, natural, rng.integers(0, 7, 600)) for _ in range(3)]
    scores = compare([*(answers(said, 0.8) for said in nearly), answers(np.full(600, 3), 0.999)])
    assert scores.index(min(scores)) == 3


def test_an_epoch_that_broke_has_no_vote(answers, natural) -> None:
    broken = np.full((600, 7), np.nan)
    scores = compare([answers(natural), broken, answers(natural)])
    assert scores[::2] == [1, 1] and math.isnan(scores[1])
    assert all(math.isnan(score) for score in compare([broken]))


def test_trap_a_collapsed_majority_is_the_truth(answers, natural) -> None:
    collapsed = answers(np.full(600, 3), 0.9)
    scores = compare([answers(natural, 0.9), collapsed, collapsed])
    assert scores[1] == scores[2] == 1 > scores[0]


def test_trap_all_sure_and_wrong_alike_agree(answers, natural) -> None:
    wrong = answers((natural + 1) % 7)
    assert compare([wrong, wrong]) == [1, 1]


def test_trap_the_middle_of_the_road_beats_a_model_that_goes_on_learning(answers, natural) -> None:
    rng = np.random.default_rng(0)
    luck, lost = rng.random(600), (natural + 1) % 7
    epochs = [np.where(luck < share, natural, lost) for share in (0.5, 0.7, 0.9)]
    scores = compare([answers(said) for said in epochs])
    assert scores.index(max(scores)) == 1


def test_trap_rare_expressions_hardly_count(answers, natural) -> None:
    never_rare = np.where(np.isin(natural, [1, 2]), 6, natural)  # fear and disgust are given up
    luck = np.random.default_rng(0).random(600)
    all_classes = np.where(luck < 0.9, natural, (natural + 3) % 7)
    scores = compare([answers(natural), answers(never_rare), answers(all_classes), answers(natural)])
    assert scores[1] > scores[2]
