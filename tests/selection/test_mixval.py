"""Mixed pictures as probes: which rows are paired, the two shares, their ranks, and the traps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from ferda.selection.mixval import compare, pairs, remember


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_every_row_that_has_a_partner_gets_one_of_its_own_answer(given_answers: list[int]) -> None:
    said = np.array(given_answers)
    made = pairs(said)
    assert np.array_equal(made, pairs(said))
    assert (made[:, 0] != made[:, 1]).all()
    same = said[made[:, 0]] == said[made[:, 1]]
    with_twin = [row for row in range(len(said)) if (said == said[row]).sum() > 1]
    assert sorted(made[same, 0]) == with_twin == sorted(made[same, 1])
    assert len(set(made[~same, 0])) == (~same).sum()
    assert (~same).any() == (len(set(given_answers)) > 1)


def test_partners_are_drawn_by_chance_not_by_place() -> None:
    steps = np.diff(pairs(np.arange(200) % 2)[-80:], axis=1)
    assert len(np.unique(steps)) > 40


def probed(outputs, answers, said: np.ndarray, mixed: np.ndarray) -> tuple[float, float]:
    rows = pairs(said)
    seen = outputs(answers(said), mixed_rows=rows, mixed_probabilities=answers(mixed))
    within, across = remember(seen)
    return float(within), float(across)


def test_the_shares_are_counted_by_kind(outputs, answers) -> None:
    said = np.array([0, 0, 0, 1, 1, 2])
    rows = pairs(said)
    mixed = said[rows[:, 0]].copy()
    same = [row for row, (a, b) in enumerate(rows) if said[a] == said[b]]
    other = [row for row, (a, b) in enumerate(rows) if said[a] != said[b]]
    assert probed(outputs, answers, said, mixed) == (1, 1)
    mixed[same[0]] = 5
    mixed[other[:2]] = said[rows[other[:2], 1]]  # these follow the weaker picture
    kept = 1 - 1 / len(same), 1 - 2 / len(other)
    assert probed(outputs, answers, said, mixed) == pytest.approx(kept)
    with pytest.raises(ValueError, match="mixed pictures"):
        remember(outputs(answers(said)))


def test_a_collapsed_model_has_no_border_to_keep(outputs, answers) -> None:
    collapsed = np.full(20, 3)
    assert probed(outputs, answers, collapsed, np.full(20, 3)) == (1, 0)
    lonely = np.arange(5)
    assert probed(outputs, answers, lonely, lonely[pairs(lonely)[:, 0]]) == (0, 1)
    assert probed(outputs, answers, np.zeros(1, int), np.zeros(0, int)) == (0, 0)


@settings(max_examples=settings.default.max_examples // 2)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=8))
def test_the_score_is_the_mean_of_both_ranks(shares: list[tuple[int, int]]) -> None:
    found = compare([np.array(pair) / 3 for pair in shares])
    expected = np.mean([rankdata(column) for column in zip(*shares, strict=True)], axis=0)
    assert found == pytest.approx([*expected])


def test_trap_sure_and_wrong_keeps_its_word_as_sure_and_right(outputs, answers, natural) -> None:
    for said in (natural, (natural + 1) % 7):
        assert probed(outputs, answers, said, said[pairs(said)[:, 0]]) == (1, 1)


def test_trap_a_model_that_gives_rare_expressions_up_keeps_its_word_nearly_always(
    outputs, answers, natural
) -> None:
    rows = pairs(natural)
    is_rare = np.isin(natural[rows[:, 0]], [1, 2])
    mixed = np.where(is_rare, 6, natural[rows[:, 0]])
    within, across = probed(outputs, answers, natural, mixed)
    assert 0.9 < within < 1 and 0.85 < across < 1
