"""One map for all domains, the same each time, and small."""

from __future__ import annotations

import numpy as np
import pytest

from ferda.evaluation.embedding import draw_embedding, draw_three_sides, fit_embedding

CLASSES = ("anger", "fear", "neutral")


def cloud(seed, faces=60, shift=0.0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, faces)
    return np.eye(3)[labels] * 8 + generator.normal(size=(faces, 3)) + shift, labels


@pytest.fixture(scope="module")
def fitted():
    (source, source_labels), (target, target_labels) = cloud(0), cloud(1)
    target_labels[:3] = -1
    return fit_embedding(
        {"studio": source, "street": target}, {"studio": source_labels, "street": target_labels}, CLASSES
    )


def test_every_point_keeps_its_label_and_domain(fitted):
    assert fitted.points.shape == (120, 2)
    assert np.abs(fitted.points).max() == pytest.approx(1)
    assert np.bincount(fitted.domain).tolist() == [60, 60]
    assert (fitted.labels == -1).sum() == 3


def test_neighbours_share_the_class_across_domains(fitted):
    known = fitted.labels >= 0
    points, labels = fitted.points[known], fitted.labels[known]
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    assert (labels[distance.argmin(1)] == labels).mean() > 0.95


def test_same_seed_same_map_and_a_limit_holds():
    features, labels = cloud(2, faces=200)
    maps = [
        fit_embedding({"a": features, "b": features}, {"a": labels, "b": labels}, CLASSES, limit=40)
        for _ in "12"
    ]
    assert (maps[0].points == maps[1].points).all()
    assert len(maps[0].points) == 40


def test_too_few_faces_are_refused():
    with pytest.raises(ValueError):
        fit_embedding({"a": np.zeros((3, 4))}, {"a": np.zeros(3, int)}, CLASSES)


def test_the_drawing_names_domains_and_classes(fitted):
    words = [text.get_text() for legend in draw_embedding(fitted).legends for text in legend.get_texts()]
    assert words == ["studio", "street", *CLASSES]


def test_a_third_dimension_is_seen_from_three_sides():
    (source, labels), (target, target_labels) = cloud(0), cloud(1)
    found = fit_embedding(
        {"studio": source, "street": target},
        {"studio": labels, "street": target_labels},
        CLASSES,
        limit=60,
        dimensions=3,
    )
    assert found.points.shape == (60, 3) and np.abs(found.points).max() == pytest.approx(1)
    above, corner, front, right = draw_three_sides(found).axes
    first = found.points[found.domain == 0]
    for axes, pair in ((above, (0, 2)), (front, (0, 1)), (right, (2, 1))):
        assert np.allclose(axes.collections[0].get_offsets(), first[:, pair])
        assert axes.get_xlim() == axes.get_ylim() == above.get_xlim(), "one scale"
    assert [text.get_text() for text in corner.get_legend().get_texts()] == ["studio", "street", *CLASSES]
