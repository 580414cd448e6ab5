from __future__ import annotations

from ferda.tuning.pruning import STARTUP, falls_behind

OTHERS = [{1: float(score), 2: 10.0 + score} for score in range(5)]


def test_the_median_of_the_best_up_to_the_same_epoch_decides() -> None:
    assert falls_behind({1: 1.9}, OTHERS)
    assert not falls_behind({1: 2.0}, OTHERS)
    assert not falls_behind({1: 12.0, 2: 0.0}, OTHERS), "a good epoch is kept in mind"
    assert falls_behind({1: 2.0, 2: 11.9}, OTHERS)


def test_few_trials_end_nobody() -> None:
    assert not falls_behind({1: 0.0}, OTHERS[: STARTUP - 1])
    assert not falls_behind({}, OTHERS)
    assert not falls_behind({1: 0.0}, [{2: 5.0}] * STARTUP), "others are not known at that epoch"
