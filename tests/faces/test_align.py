"""Similarities against the textbook's SVD, and the drawn picture against the moved points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.faces.align import ARCFACE_112, align, similarity, template, transform, warp

angles = st.floats(-3.1, 3.1)
scales = st.floats(0.05, 20)
shifts = st.floats(-500, 500)


def umeyama(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Umeyama (1991), eqs. 40-42, written with the SVD and in float64."""
    old_mean, new_mean = old.mean(0), new.mean(0)
    covariance = (new - new_mean).T @ (old - old_mean) / len(old)
    U, D, Vt = np.linalg.svd(covariance)
    signs = np.array([1.0, np.sign(np.linalg.det(U) * np.linalg.det(Vt))])
    rotation = U @ np.diag(signs) @ Vt
    scale = (D * signs).sum() / ((old - old_mean) ** 2).sum(1).mean()
    return np.column_stack([scale * rotation, new_mean - scale * rotation @ old_mean])


def moved(points: np.ndarray, angle: float, scale: float, x: float, y: float) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return scale * points @ turn.T + (x, y)


@given(seed=st.integers(0, 10**6))
def test_equals_the_svd(seed: int) -> None:
    generator = np.random.default_rng(seed)
    old, new = generator.normal(0, 30, (2, 5, 2))
    np.testing.assert_allclose(similarity(old, new), umeyama(old, new), rtol=1e-7, atol=1e-9)


@given(angle=angles, scale=scales, x=shifts, y=shifts)
def test_undoes_any_similarity(angle: float, scale: float, x: float, y: float) -> None:
    points = moved(ARCFACE_112, angle, scale, x, y)
    np.testing.assert_allclose(transform(points, similarity(points, ARCFACE_112)), ARCFACE_112, atol=1e-6)


@given(seed=st.integers(0, 10**6), angle=angles, scale=st.floats(0.5, 2), x=shifts, y=shifts)
def test_no_other_similarity_comes_closer(seed: int, angle: float, scale: float, x: float, y: float) -> None:
    generator = np.random.default_rng(seed)
    points = ARCFACE_112 + generator.normal(0, 5, (5, 2))

    def distance(matrix: np.ndarray) -> float:
        return float(((transform(points, matrix) - ARCFACE_112) ** 2).sum())

    best = similarity(points, ARCFACE_112)
    other = best + np.array([[scale - 1, -angle, x], [angle, scale - 1, y]]) * 1e-3
    assert distance(best) <= distance(other) + 1e-9


def test_a_batch_equals_one_by_one_and_bad_rows_are_nan() -> None:
    generator = np.random.default_rng(0)
    points = generator.normal(0, 30, (6, 5, 2))
    points[2] = 7.0
    points[4, 1, 0] = np.nan
    together = similarity(points, ARCFACE_112)
    for row in (0, 1, 3, 5):
        np.testing.assert_allclose(together[row], similarity(points[row], ARCFACE_112))
    assert np.isnan(together[[2, 4]]).all()


def test_never_mirrors() -> None:
    mirrored = ARCFACE_112 * (-1, 1)
    assert np.linalg.det(similarity(mirrored, ARCFACE_112)[:, :2]) > 0


@pytest.mark.parametrize("size", [48, 112, 224])
def test_the_template_grows_with_the_crop(size: int) -> None:
    np.testing.assert_allclose(template(size) / size, ARCFACE_112 / 112)


@settings(max_examples=settings.default.max_examples // 8)
@given(angle=st.floats(-1, 1), scale=st.floats(0.6, 5), size=st.sampled_from([64, 112, 224]))
def test_the_picture_goes_where_the_points_go(angle: float, scale: float, size: int) -> None:
    """White discs at the landmarks must lie, in the crop, at the crop's landmarks."""
    points = moved(ARCFACE_112 - 56, angle, scale, 400, 400)
    rows, columns = np.mgrid[:800, :800]
    picture = np.zeros((800, 800, 3), np.uint8)
    for x, y in points:
        disc = np.clip(6 * scale + 0.5 - np.hypot(columns - x, rows - y), 0, 1) * 255
        picture = np.maximum(picture, disc[..., None].astype(np.uint8))
    crop, landmarks = align(picture, points, size)
    assert crop.shape == (size, size, 3)
    np.testing.assert_allclose(landmarks, template(size), atol=1e-2)
    grid = np.stack(np.mgrid[:size, :size][::-1], -1).reshape(-1, 2)
    weights = crop[..., 0].reshape(-1) / 255.0
    for point in landmarks:
        near = np.linalg.norm(grid - point, axis=1) < 9 * size / 112
        centre = (grid[near] * weights[near, None]).sum(0) / weights[near].sum()
        np.testing.assert_allclose(centre, point, atol=0.2)


def test_shrinking_averages() -> None:
    """A fine checkerboard becomes grey, not a moire."""
    checkers = np.indices((800, 800)).sum(0) % 2 * 255
    picture = np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8)
    crop = warp(picture, np.array([[0.13, 0, 3.0], [0, 0.13, 3.0]]), 100)
    assert np.abs(crop[10:90, 10:90].astype(int) - 128).max() < 20


def test_the_border_is_continued() -> None:
    picture = np.full((50, 50, 3), 200, np.uint8)
    assert (warp(picture, np.array([[1.0, 0, 40], [0, 1.0, 40]]), 112) == 200).all()


@pytest.mark.parametrize("bad", [np.full((5, 2), np.nan), np.ones((5, 2))])
def test_points_that_align_nothing_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        align(np.zeros((9, 9, 3), np.uint8), bad)
