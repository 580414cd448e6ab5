"""Validators by hand, against a second implementation, and in the traps they are known for."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.special import softmax
from scipy.stats import entropy as scipy_entropy
from sklearn.metrics import mean_squared_error

from ferda.errors import UserError
from ferda.selection import NEEDED, comparison, lacking, list_comparisons, list_validators, validator
from ferda.selection.choose import choose
from ferda.selection.collapse import trust
from ferda.selection.outputs import EpochOutputs

CLASSES = 7
#: Happiness and neutral are most of a natural set of faces.
NATURAL = np.array([0.08, 0.03, 0.03, 0.4, 0.08, 0.06, 0.32])


def outputs(target: np.ndarray, source: np.ndarray | None = None, labels: object = (0,)) -> EpochOutputs:
    source = np.eye(CLASSES, dtype=np.float32)[:1] if source is None else source
    features = np.zeros((len(target), 4), np.float32)
    return EpochOutputs(source, np.asarray(labels), target.astype(np.float32), features)


def answers(classes: np.ndarray, sureness: float) -> np.ndarray:
    """Probabilities that give each row's class this much, and the rest to the others evenly."""
    rows = np.full((len(classes), CLASSES), (1 - sureness) / (CLASSES - 1))
    rows[np.arange(len(classes)), classes] = sureness
    return rows


def random_target(seed: int, count: int) -> np.ndarray:
    logits = 3 * np.random.default_rng(seed).normal(size=(count, CLASSES))
    return softmax(logits, 1)


def test_the_folder_is_the_registry() -> None:
    alone = ["bnm", "class_ami", "dev", "entropy", "im", "rankme", "snd", "source_accuracy", "source_rmse"]
    assert list_validators() == sorted([*alone, *list_comparisons()])
    assert list_comparisons() == ["ensv", "mixval"]
    assert all(callable(validator(name)) for name in alone)
    with pytest.raises(UserError, match="did you mean 'entropy'"):
        validator("entrpy")
    with pytest.raises(UserError, match="did you mean 'ensv'"):
        comparison("ensb")


def test_what_a_validator_lacks_is_said_in_words() -> None:
    everything = {name for name in list_validators() if not lacking(name, NEEDED)}
    assert everything == set(list_validators())
    assert lacking("im", ["sources"]) == "a target (--target)"
    assert lacking("dev", []) == "held-out faces of a source and a target (--target)"
    assert lacking("source_accuracy", ["sources"]) == ""
    with pytest.raises(UserError, match="no validator"):
        lacking("nobody", NEEDED)


def test_outputs_have_no_place_for_target_labels() -> None:
    names = {field.name for field in dataclasses.fields(EpochOutputs)}
    assert {name for name in names if "target" in name} == {"target_probabilities", "target_features"}
    assert [name for name in names if "label" in name] == ["source_labels"]
    with pytest.raises(ValueError, match="same rows"):
        EpochOutputs(np.ones((2, 3)), np.zeros(3), np.ones((2, 3)), np.ones((2, 1)))


@given(st.integers(0, 999), st.integers(1, 30))
def test_source_rmse_is_the_sum_over_what_is_known(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    labels, said = rng.uniform(-1, 1, (2, count, 2)).astype(np.float32)
    labels[rng.random((count, 2)) < 0.3] = np.nan
    whole = outputs(answers(np.zeros(1, int), 0.9))
    made = dataclasses.replace(whole, source_affect=labels, source_affect_answers=said)
    total = 0.0
    for dimension in range(2):
        rows = [row for row in range(count) if not math.isnan(labels[row, dimension])]
        if rows:
            total += math.sqrt(mean_squared_error(labels[rows, dimension], said[rows, dimension]))
    assert validator("source_rmse")(made) == pytest.approx(-total, abs=1e-6)
    with pytest.raises(ValueError, match="answers"):
        validator("source_rmse")(dataclasses.replace(made, source_affect_answers=None))


def test_source_accuracy_counts_labelled_rows() -> None:
    source = np.eye(CLASSES, dtype=np.float32)[[0, 1, 2, 3]]
    assert validator("source_accuracy")(outputs(source, source, (0, 1, 5, -1))) == pytest.approx(2 / 3)
    with pytest.raises(ValueError, match="labelled"):
        validator("source_accuracy")(outputs(source, source, (-1, -1, -1, -1)))


def test_values_by_hand() -> None:
    half = np.zeros((2, CLASSES))
    half[0, :2] = 0.5
    half[1, 2:4] = 0.5
    assert validator("entropy")(outputs(half)) == pytest.approx(-math.log(2))
    assert validator("im")(outputs(half)) == pytest.approx(math.log(4) - math.log(2))
    assert validator("snd")(outputs(half)) == pytest.approx(0, abs=1e-6)  # each sees the one other row
    four = np.concatenate([half, half])
    expected = scipy_entropy(softmax([0.0, 0.0, 1 / 0.05]))  # two strangers, one twin
    assert validator("snd")(outputs(four)) == pytest.approx(expected, abs=1e-5)


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 10_000), st.integers(2, 60))
def test_validators_equal_a_second_implementation(seed: int, count: int) -> None:
    rows = random_target(seed, count).astype(np.float32)
    exact = rows.astype(np.float64)
    assert validator("entropy")(outputs(rows)) == pytest.approx(
        -scipy_entropy(exact, axis=1).mean(), rel=1e-5
    )
    information = (exact * np.log(exact / exact.mean(0))).sum(1).mean()
    assert validator("im")(outputs(rows)) == pytest.approx(information, abs=1e-5)
    logits = (1 - cdist(exact, exact, "cosine")) / 0.05
    np.fill_diagonal(logits, -np.inf)
    assert validator("snd")(outputs(rows)) == pytest.approx(
        scipy_entropy(softmax(logits, 1), axis=1).mean(), abs=1e-4
    )


@pytest.mark.parametrize("name", ["entropy", "im", "snd"])
def test_order_of_rows_does_not_matter_and_zeros_are_no_harm(name: str) -> None:
    rows = random_target(0, 50)
    rows[:10] = np.eye(CLASSES)[np.arange(10) % CLASSES]
    shuffled = rows[np.random.default_rng(0).permutation(50)]
    value = validator(name)(outputs(rows))
    assert math.isfinite(value)
    assert value == pytest.approx(validator(name)(outputs(shuffled)), abs=1e-5)


def test_snd_in_blocks_equals_snd_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = outputs(random_target(1, 101))
    at_once = validator("snd")(rows)
    monkeypatch.setattr("ferda.selection.snd._BLOCK_VALUES", 1000)
    assert validator("snd")(rows) == pytest.approx(at_once, abs=1e-6)
    assert validator("snd")(outputs(rows.target_probabilities[:1])) == 0


def natural_classes(count: int = 600) -> np.ndarray:
    return np.random.default_rng(0).choice(CLASSES, count, p=NATURAL)


def test_trap_entropy_loves_a_collapsed_model_and_im_does_not() -> None:
    good = outputs(answers(natural_classes(), 0.8))
    collapsed = outputs(answers(np.full(600, 3), 0.999))
    assert validator("entropy")(collapsed) > validator("entropy")(good)
    assert validator("im")(collapsed) == pytest.approx(0, abs=1e-6)
    assert validator("im")(good) > 0.5


def test_trap_snd_loves_a_uniform_blob() -> None:
    good = outputs(answers(natural_classes(), 0.8))
    blob = outputs(np.full((600, CLASSES), 1 / CLASSES))
    assert validator("snd")(blob) == pytest.approx(math.log(599), abs=1e-5)
    assert validator("snd")(blob) > validator("snd")(good)
    assert validator("im")(blob) == pytest.approx(0, abs=1e-6)


def test_trap_im_prefers_false_balance_on_unbalanced_faces() -> None:
    right = outputs(answers(natural_classes(), 0.9))
    evenly_wrong = outputs(answers(np.arange(600) % CLASSES, 0.9))
    assert validator("im")(evenly_wrong) > validator("im")(right)


def test_guard_rejects_a_cheating_checkpoint() -> None:
    collapsed = outputs(answers(np.full(600, 3), 0.999))
    good = outputs(answers(natural_classes(), 0.8))
    scores = [validator("entropy")(epoch) for epoch in (good, collapsed)]
    assert choose(scores, [0.80, 0.40]) == 0
    assert choose(scores, [0.80, 0.40], tolerance=1.0) == 1


def test_what_the_guard_looks_at_without_source_faces() -> None:
    start = {"classes_in_use": 5.0}
    assert trust({"source_accuracy": 0.7, "classes_in_use": 1.0}, start) == 0.7
    assert trust({"classes_in_use": 2.5}, start) == 1
    assert trust({"classes_in_use": 2.4}, start) == 0
    assert trust({"im": 0.3}, {}) == 0


def test_guard_keeps_who_lost_exactly_the_tolerance() -> None:
    assert choose([1, 2], [0.90, 0.85]) == 1
    assert choose([1, 2], [0.90, 0.8499]) == 0
    assert choose([2, 1], [0.90, 0.85], tolerance=0) == 0


def test_ties_are_settled_by_source_accuracy_then_by_the_earliest() -> None:
    assert choose([1, 1, 1], [0.5, 0.52, 0.52]) == 1
    assert choose([1, 1], [0.5, 0.5]) == 0


def test_a_score_that_is_no_number_loses() -> None:
    nan = math.nan
    assert choose([nan, -5.0], [0.5, 0.5]) == 1
    assert choose([nan, nan], [0.5, 0.5]) == 0
    assert choose([1.0, 0.5], [nan, 0.5]) == 1
    assert choose([0.5, 1.0], [nan, nan]) == 1
    with pytest.raises(ValueError, match="do not fit"):
        choose([], [])


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 9)), min_size=1, max_size=8))
def test_nobody_beats_the_chosen_in_both_numbers(epochs: list[tuple[int, int]]) -> None:
    scores, accuracies = [float(a) for a, _ in epochs], [b / 50 for _, b in epochs]
    chosen = choose(scores, accuracies)
    mine = (scores[chosen], accuracies[chosen])
    for other, pair in enumerate(zip(scores, accuracies, strict=True)):
        assert not (pair[0] >= mine[0] and pair[1] >= mine[1] and pair != mine)
        assert pair != mine or other >= chosen
