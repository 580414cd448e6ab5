"""Pairs of classes that are mixed up: counted by hand, the worst first, both ways told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ferda.evaluation.metrics import score
from ferda.evaluation.pairs import confused_pairs, pairs_section

CLASSES = ("anger", "fear", "neutral")


def scores_of(truth, answers):
    shares = np.full((len(truth), len(CLASSES)), 0.1)
    shares[np.arange(len(truth)), answers] = 0.8
    return score(np.array(truth), shares, CLASSES)


def test_pairs_are_counted_by_hand():
    scores = scores_of([0, 0, 0, 0, 1, 1, 2, 2], [0, 1, 1, 2, 0, 1, 2, 2])
    first, second, third = confused_pairs(scores)
    assert first.names == ("anger", "fear") and first.mistaken == (2, 1) and first.faces == (4, 2)
    assert first.share == pytest.approx(3 / 6)
    assert second.names == ("anger", "neutral") and second.mistaken == (1, 0)
    assert third.names == ("fear", "neutral") and third.share == 0


def test_a_class_without_faces_does_no_harm():
    pairs = confused_pairs(scores_of([0, 0, 2], [1, 1, 2]))
    assert pairs[0].names == ("anger", "fear") and pairs[0].faces == (2, 0) and pairs[0].share == 1
    assert all(np.isfinite(pair.share) for pair in pairs)


def test_the_section_compares_with_before(adapted, baseline):
    section = pairs_section([("before", baseline), ("after", adapted)], most=4)
    (table,) = section.tables
    assert table.columns == ("pair", "mixed up, before", "mixed up, after", "→", "←")
    assert len(table.rows) == 4
    worst = confused_pairs(adapted.scores)[0]
    name, before, after, there, back = table.rows[0]
    assert set(name.text.split(" ↔ ")) == set(worst.names) and after.text == f"{100 * worst.share:.0f} %"
    first, second = (worst.names.index(word) for word in name.text.split(" ↔ "))
    assert there.text == f"{100 * worst.mistaken[first] / worst.faces[first]:.0f} %"
    assert back.text == f"{100 * worst.mistaken[second] / worst.faces[second]:.0f} %"
    assert int(there.text.split()[0]) >= int(back.text.split()[0]) and before.text.endswith("%")


def test_one_model_has_one_column(adapted):
    assert pairs_section([("street", adapted)]).tables[0].columns == ("pair", "mixed up", "→", "←")


def test_nothing_mixed_up_is_no_section(adapted):
    perfect = replace(adapted, scores=scores_of([0, 1, 2], [0, 1, 2]))
    assert pairs_section([("perfect", perfect)]) is None
