"""Scores per group: who is scored, who is only named, and when a gap means something."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ferda.evaluation.groups import GroupScores, score_groups

CLASSES = ("anger", "happiness", "neutral")


def world(hit, faces=200, seed=0):
    """Groups named a, b, … whose answers are right with the given probabilities."""
    generator = np.random.default_rng(seed)
    names = np.array(list("abcdef"))[: len(hit)].repeat(faces)
    labels = generator.integers(0, 3, len(names))
    right = generator.uniform(size=len(names)) < np.asarray(hit).repeat(faces)
    answers = np.where(right, labels, (labels + 1) % 3)
    return labels, np.eye(3)[answers] * 0.7 + 0.1, pd.Series(names, name="site")


def test_groups_are_scored_by_themselves_and_the_worst_comes_first():
    labels, table, site = world((0.9, 0.5))
    groups = score_groups(labels, table, CLASSES, site)
    assert groups.column == "site"
    assert [row.name for row in groups.rows] == ["b", "a"]
    right = table.argmax(1) == labels
    for row in groups.rows:
        assert row.accuracy == pytest.approx(right[site == row.name].mean())
        assert row.accuracy in row.accuracy_interval
    assert groups.gap == pytest.approx(groups.rows[1].accuracy - groups.rows[0].accuracy)
    assert groups.is_clear


def test_equal_groups_rarely_show_a_clear_gap():
    clear = sum(score_groups(*world_of(seed), minimum=5).is_clear for seed in range(40))
    assert clear <= 6


def world_of(seed):
    labels, table, site = world((0.7,) * 6, faces=40, seed=seed)
    return labels, table, CLASSES, site


def test_small_groups_are_named_but_not_scored():
    labels, table, site = world((0.9, 0.5), faces=30)
    site.iloc[:5] = "tiny"
    site.iloc[5:8] = None
    groups = score_groups(labels, table, CLASSES, site)
    assert [row.name for row in groups.rows] == ["b", "a"]
    assert groups.too_small == {"tiny": 5}
    assert groups.unknown == 3
    assert sum(row.faces for row in groups.rows) + 5 + 3 == 60


def test_one_group_has_no_gap():
    labels, table, site = world((0.9,))
    groups = score_groups(labels, table, CLASSES, site)
    assert groups.gap is None and groups.chance_gap is None and not groups.is_clear


def test_numbers_as_group_names_and_a_trip_through_json():
    labels, table, _ = world((0.9, 0.5))
    groups = score_groups(labels, table, CLASSES, pd.Series(np.arange(400) % 2, name="camera"))
    assert {row.name for row in groups.rows} == {"0", "1"}
    assert GroupScores.from_dict(json.loads(json.dumps(groups.to_dict()))) == groups
