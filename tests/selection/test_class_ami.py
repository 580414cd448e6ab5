"""Clusters against answers: the chance that AMI takes away counted by hand, and the traps."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from scipy.stats import hypergeom

from ferda.selection.class_ami import score


def adjusted(first: np.ndarray, second: np.ndarray) -> float:
    """(MI - E[MI]) / (mean of entropies - E[MI]), with the chance of every cell of the table counted out."""
    count = len(first)
    ours, theirs, both = (Counter(names) for names in (first, second, zip(first, second, strict=True)))

    def entropy(parts: Counter) -> float:
        return -sum(n / count * math.log(n / count) for n in parts.values())

    def part(cell: int, row: int, column: int) -> float:
        return cell / count * math.log(cell * count / (row * column)) if cell else 0.0

    mutual = sum(part(n, ours[a], theirs[b]) for (a, b), n in both.items())
    by_chance = 0.0
    for row in ours.values():
        for column in theirs.values():
            law = hypergeom(count, row, column)
            by_chance += sum(law.pmf(n) * part(n, row, column) for n in range(min(row, column) + 1))
    return (mutual - by_chance) / ((entropy(ours) + entropy(theirs)) / 2 - by_chance)


@pytest.mark.parametrize("mistaken", [0, 10, 25])
def test_it_is_the_adjusted_information_of_clusters_and_answers(outputs, answers, blobs, mistaken) -> None:
    classes = np.arange(42) % 3
    said = classes.copy()
    said[:mistaken] = np.random.default_rng(1).integers(0, 3, mistaken)
    # heaps as far apart as these are the clusters
    found = score(outputs(answers(said, count=3), blobs(classes)))
    assert found == pytest.approx(adjusted(said, classes), abs=1e-9)
    assert found == 1 if mistaken == 0 else found < 0.8


def test_the_same_rows_score_the_same(outputs, answers, natural) -> None:
    features = np.random.default_rng(0).normal(size=(600, 5))
    first, second = (score(outputs(answers(natural), features)) for _ in range(2))
    assert first == second
    assert abs(first) < 0.05


@pytest.mark.filterwarnings("error")
def test_a_collapsed_model_scores_nothing(outputs, answers, blobs, natural) -> None:
    assert score(outputs(answers(np.full(600, 3)), blobs(natural))) == 0
    assert score(outputs(answers(natural), np.ones((600, 4)))) == pytest.approx(0, abs=1e-9)
    assert score(outputs(answers(natural[:3]), np.ones((3, 4)))) == 0


def test_trap_wrong_answers_that_follow_their_features_score_as_right_ones(
    outputs, answers, blobs, natural
) -> None:
    right, wrong = (score(outputs(answers(said), blobs(natural))) for said in (natural, (natural + 1) % 7))
    assert right == pytest.approx(wrong)
    assert right > 0.95


def test_trap_people_are_taken_for_expressions(outputs, answers, blobs, natural) -> None:
    people = np.arange(600) % 7
    of_people = blobs(people) + 0.1 * blobs(natural)
    assert score(outputs(answers(people), of_people)) > score(outputs(answers(natural), of_people)) + 0.5


def test_trap_rare_expressions_get_no_cluster(outputs, answers) -> None:
    rng = np.random.default_rng(0)
    rare = rng.choice(7, 600, p=[0.01, 0.01, 0.01, 0.01, 0.01, 0.55, 0.4])
    even = np.arange(600) % 7
    # heaps that touch each other: right answers, but a large heap is cut before a small one is found
    heaps = [2 * np.eye(10)[classes] + rng.normal(size=(600, 10)) for classes in (rare, even)]
    unbalanced, balanced = (
        score(outputs(answers(classes), features))
        for classes, features in zip((rare, even), heaps, strict=True)
    )
    assert unbalanced < balanced - 0.1
