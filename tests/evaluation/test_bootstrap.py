"""Intervals must cover what they promise, on worlds where the truth is known."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from ferda.evaluation.bootstrap import Intervals, bootstrap_gain, bootstrap_intervals


def drawn(generator, faces, hit):
    """Three classes, each right with its own known probability, wrong answers uniform."""
    labels = generator.integers(0, 3, faces)
    right = generator.uniform(size=faces) < np.asarray(hit)[labels]
    wrong = (labels + generator.integers(1, 3, faces)) % 3
    return labels, np.where(right, labels, wrong)


def test_covers_the_true_value_about_as_often_as_promised():
    hit = (0.9, 0.6, 0.4)
    covered = np.zeros(2)
    for seed in range(200):
        labels, answers = drawn(np.random.default_rng(seed), 300, hit)
        intervals = bootstrap_intervals(labels, answers, 3, resamples=400, seed=seed)
        truth = np.mean(hit)
        covered += [truth in intervals.macro_recall, truth in intervals.accuracy]
    assert ((covered / 200 > 0.90) & (covered / 200 < 0.99)).all()


def crowd(seed, subjects=40, faces=20):
    """Each subject is read well or badly throughout: faces of one subject are not independent."""
    generator = np.random.default_rng(seed)
    skill = generator.choice([0.2, 0.9], subjects).repeat(faces)
    labels = generator.integers(0, 2, subjects * faces)
    answers = np.where(generator.uniform(size=len(labels)) < skill, labels, 1 - labels)
    return labels, answers, np.arange(subjects).repeat(faces)


def test_drawing_subjects_covers_where_drawing_faces_does_not():
    truth = 0.55
    by_faces = by_subjects = 0
    for seed in range(150):
        labels, answers, subject = crowd(seed)
        by_faces += truth in bootstrap_intervals(labels, answers, 2, resamples=300, seed=seed).accuracy
        clustered = bootstrap_intervals(
            labels, answers, 2, clusters=subject, unit="subject", resamples=300, seed=seed
        )
        by_subjects += truth in clustered.accuracy
    assert clustered.unit == "subject" and clustered.units == 40
    assert by_subjects / 150 > 0.88
    assert by_faces / 150 < 0.6


def test_one_face_per_subject_is_the_bootstrap_over_faces():
    labels, answers = drawn(np.random.default_rng(0), 400, (0.9, 0.6, 0.4))
    faces = bootstrap_intervals(labels, answers, 3, resamples=4000)
    subjects = bootstrap_intervals(labels, answers, 3, clusters=np.arange(400), resamples=4000)
    assert faces.macro_recall.low == pytest.approx(subjects.macro_recall.low, abs=0.01)
    assert faces.macro_recall.high == pytest.approx(subjects.macro_recall.high, abs=0.01)


def test_equals_resampling_face_by_face():
    generator = np.random.default_rng(5)
    labels, answers = drawn(generator, 150, (0.9, 0.6, 0.4))
    draws = generator.integers(0, 150, (4000, 150))
    by_hand = np.quantile((labels[draws] == answers[draws]).mean(1), [0.025, 0.975])
    ours = bootstrap_intervals(labels, answers, 3, resamples=4000).accuracy
    assert (ours.low, ours.high) == pytest.approx(tuple(by_hand), abs=0.012)


def test_a_class_without_faces_has_no_interval():
    intervals = bootstrap_intervals(np.array([0, 1, 1]), np.array([0, 1, 0]), 3)
    assert intervals.recall[2] is None and intervals.recall[0] is not None


def test_same_seed_same_intervals_and_json_keeps_them():
    labels, answers = drawn(np.random.default_rng(0), 100, (0.9, 0.6, 0.4))
    one = bootstrap_intervals(labels, answers, 3, seed=7)
    assert one == bootstrap_intervals(labels, answers, 3, seed=7)
    assert one != bootstrap_intervals(labels, answers, 3, seed=8)
    assert Intervals.from_dict(json.loads(json.dumps(asdict(one)))) == one


def test_gain_is_the_difference_and_counts_changed_faces():
    labels = np.array([0, 0, 1, 1])
    first, second = np.array([0, 1, 1, 0]), np.array([0, 0, 0, 1])
    gain = bootstrap_gain(labels, first, second, 2)
    assert gain.accuracy == pytest.approx(0.25)
    assert gain.macro_recall == pytest.approx(0.25)
    assert (gain.fixed, gain.broken) == (2, 1)


def test_the_same_answers_gain_nothing_for_sure():
    labels, answers = drawn(np.random.default_rng(0), 100, (0.9, 0.6, 0.4))
    gain = bootstrap_gain(labels, answers, answers, 3)
    assert (gain.macro_recall_interval.low, gain.macro_recall_interval.high) == (0.0, 0.0)


def test_pairing_is_sharper_than_two_separate_intervals():
    generator = np.random.default_rng(0)
    labels, first = drawn(generator, 500, (0.6, 0.6, 0.6))
    second = np.where(generator.uniform(size=500) < 0.08, labels, first)
    gain = bootstrap_gain(labels, first, second, 3)
    alone = bootstrap_intervals(labels, first, 3).accuracy
    assert gain.accuracy_interval.low > 0
    assert gain.accuracy_interval.high - gain.accuracy_interval.low < 0.7 * (alone.high - alone.low)


def test_gain_over_subjects_is_wider_when_subjects_differ():
    labels, second, subject = crowd(3)
    first = 1 - labels
    faces = bootstrap_gain(labels, first, second, 2).accuracy_interval
    subjects = bootstrap_gain(labels, first, second, 2, clusters=subject).accuracy_interval
    assert subjects.high - subjects.low > 1.5 * (faces.high - faces.low)
