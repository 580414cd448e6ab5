"""The choice among five poses, and what is done with it (the authors' numbers: tests/parity)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.faces.align import similarity, transform, warp
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face
from ferda.faces.poses import FIVE_POSES_112, align_to_pose, nearest_pose
from ferda.landmarks import FIVE_MIRROR

NOISE = np.random.default_rng(0).integers(0, 256, (300, 300, 3), dtype=np.uint8)


@given(
    pose=st.integers(0, 4),
    angle=st.floats(-3, 3),
    scale=st.floats(0.2, 5),
    shift=st.floats(-200, 200),
    size=st.sampled_from([48, 112, 224]),
)
def test_a_moved_template_is_found_again(
    pose: int, angle: float, scale: float, shift: float, size: int
) -> None:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found, matrix = nearest_pose(scale * FIVE_POSES_112[pose] @ turn.T + shift, size)
    assert found == pose
    np.testing.assert_allclose(np.sqrt(np.linalg.det(matrix[:, :2])), size / 112 / scale, rtol=1e-6)


@given(seed=st.integers(0, 10**6))
def test_no_other_template_comes_closer(seed: int) -> None:
    points = np.random.default_rng(seed).normal(100, 30, (5, 2))
    found, matrix = nearest_pose(points)

    def away(pose: int) -> float:
        moved = transform(points, similarity(points, FIVE_POSES_112[pose]))
        return float(np.hypot(*(moved - FIVE_POSES_112[pose]).T).sum())

    distances = [away(pose) for pose in range(5)]
    assert found == distances.index(min(distances))
    np.testing.assert_allclose(matrix, similarity(points, FIVE_POSES_112[found]))


def test_half_profiles_are_mirror_images_to_half_a_pixel() -> None:
    mirrored = FIVE_POSES_112[:, FIVE_MIRROR] * (-1, 1) + (112, 0)
    np.testing.assert_allclose(mirrored[3], FIVE_POSES_112[1], atol=0.5)


def test_beyond_the_picture_it_is_black() -> None:
    white = np.full((112, 112, 3), 255, np.uint8)
    shifted = FIVE_POSES_112[2] + (40, 0)
    crop, landmarks = align_to_pose(white, shifted)
    assert (crop[:, 80:] == 0).all() and (crop[:, 2:70] == 255).all()
    np.testing.assert_allclose(landmarks, FIVE_POSES_112[2], atol=1e-3)
    assert (warp(white, np.array([[1.0, 0, 40], [0, 1.0, 0]]), 112) == 255).all()


def test_a_crop_rule_names_it() -> None:
    points = (1.3 * FIVE_POSES_112[1] + (40.6, 30.9)).astype(np.float32)
    face = Face((40.0, 40.0, 120.0, 150.0), 0.99, points)
    rule = CropRule.from_dict(json.loads(json.dumps(CropRule("retinaface5pose", size=64).to_dict())))
    crop, landmarks = crop_face(NOISE, face, rule)
    assert crop.shape == (64, 64, 3) and landmarks.dtype == np.float32
    np.testing.assert_allclose(landmarks, FIVE_POSES_112[1] * (64 / 112), atol=1e-3)
    whole, _ = crop_face(NOISE, face, CropRule("retinaface5pose", size=64, truncate_landmarks=True))
    at_pixels, _ = align_to_pose(NOISE, np.trunc(points), 64)
    np.testing.assert_array_equal(whole, at_pixels)
    assert (whole != crop).any()


def test_without_points_the_box_is_cut_out() -> None:
    blind = Face((40.0, 40.0, 120.0, 150.0), 1.0, np.full((5, 2), np.nan, np.float32))
    crop, landmarks = crop_face(NOISE, blind, CropRule("retinaface5pose", size=64))
    box, _ = crop_face(NOISE, blind, CropRule("box", size=64))
    np.testing.assert_array_equal(crop, box)
    assert np.isnan(landmarks).all()


def test_packs_made_before_the_setting_existed_are_still_known() -> None:
    assert set(CropRule().to_dict()) == {"kind", "size", "enlarge", "detect"}
    rule = CropRule("retinaface5pose", truncate_landmarks=True)
    assert CropRule.from_dict(rule.to_dict()) == rule


@pytest.mark.parametrize("bad", [np.full((5, 2), np.nan), np.ones((5, 2))])
def test_points_that_align_nothing_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="landmarks"):
        nearest_pose(bad)
