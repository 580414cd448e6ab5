"""What a choice without labels costs, from a table whose best epochs are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ferda.evaluation.regret import Choice, choice_section, choices

RECALLS = [0.50, 0.62, 0.60, 0.55]


@pytest.fixture
def scores():
    """A stage before, then four epochs; `entropy` is best at one that forgot the source."""
    return pd.DataFrame(
        {
            "stage": ["source", *["adapt"] * 4],
            "epoch": [1, 1, 2, 3, 4],
            "step": [9, 1, 2, 3, 4],
            "source_accuracy": [0.99, 0.80, 0.79, 0.78, 0.60],
            "entropy": [0.0, -0.9, -0.8, -0.7, -0.1],
            "im": [9.0, 0.3, 0.4, 0.6, 0.5],
            "ensv": [np.nan, 0.7, 0.9, 0.8, 0.7],
            "selected": ["source_accuracy", None, None, "im", None],
            "oracle_macro_recall": [0.9, *RECALLS],
            "oracle_accuracy": [0.9, 0.7, 0.75, 0.8, 0.6],
            "oracle_macro_f1": 0.5,
        }
    )


def by_rule(found: list[Choice]) -> dict[str, Choice]:
    return {one.rule: one for one in found}


def test_each_rule_has_its_epoch_and_its_regret(scores):
    found = by_rule(choices(scores, 0.05))
    assert {rule: one.epoch for rule, one in found.items()} == {
        "ensv": 2,
        "entropy": 3,
        "im": 3,
        "source_accuracy": 1,
        "last": 4,
        "oracle": 2,
    }
    regrets = {rule: one.regret for rule, one in found.items()}
    assert regrets == pytest.approx(
        {"ensv": 0, "entropy": 0.02, "im": 0.02, "source_accuracy": 0.12, "last": 0.07, "oracle": 0}
    )
    assert (found["im"].accuracy, found["im"].macro_recall) == (0.8, 0.6)
    assert [rule for rule, one in found.items() if one.is_kept] == ["im"]


def test_the_guard_is_that_of_the_run(scores):
    assert by_rule(choices(scores, 0.3))["entropy"].epoch == 4
    assert by_rule(choices(scores, 0.0))["entropy"].epoch == 1


def test_without_source_faces_a_collapse_is_what_is_not_trusted(scores):
    scores["epoch"] = [1, 0, 1, 2, 3]
    free = scores.drop(columns="source_accuracy").assign(classes_in_use=[5.0, 5.0, 4.0, 4.5, 1.2])
    found = by_rule(choices(free, 0.05))
    assert "source_accuracy" not in found
    assert found["entropy"].epoch == 2
    assert by_rule(choices(free.drop(columns="classes_in_use"), 0.05))["entropy"].epoch == 3


def test_epochs_that_nobody_watched_are_left_out(scores):
    scores.loc[scores["epoch"] == 3, "oracle_macro_recall"] = np.nan
    assert by_rule(choices(scores, 0.05))["im"].epoch == 2
    scores["oracle_macro_recall"] = np.nan
    assert choices(scores, 0.05) == []


def test_the_section_ranks_by_regret_and_says_what_is_missing(scores):
    section = choice_section("mcc", choices(scores, 0.05))
    (table,) = section.tables
    assert [row[0].text for row in table.rows] == [
        "ensv", "entropy", "im", "last", "source_accuracy", "oracle",
    ]  # fmt: skip
    assert [row[-1].text for row in table.rows][:2] == ["0.0 points", "2.0 points"]
    assert table.rows[2][0].small == "chose the run's checkpoint"
    assert table.rows[-1][0].tone == "oracle" and "not a result" in table.rows[-1][0].small
    assert "dev needs held-out faces of a source and a target (--target)" in section.lead
    assert "ensv needs" not in section.lead
