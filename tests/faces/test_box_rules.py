"""Boxes and the three-point map against their formulas in float64, on paper numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ferda.faces.align import EYES_AND_MOUTH, align_eyes_and_mouth
from ferda.faces.box_rules import add_margin, swap_axes
from ferda.faces.crop_names import CROPS
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face

POINTS = np.array([[44, 40], [70, 43], [58, 55], [47, 70], [68, 71]], dtype=np.float64)
FACE = Face((40.0, 30.0, 30.0, 50.0), 0.9, POINTS.astype(np.float32))


def ramp(height: int = 90, width: int = 120) -> np.ndarray:
    """Red tells x, green tells y, exactly."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], axis=-1).astype(np.uint8)


def test_raf_margin_is_a_quarter_of_the_longer_side_on_every_side() -> None:
    assert add_margin((40, 30, 70, 80)) == (28, 18, 82, 92)  # 0.25 * 50 = 12.5, cut to 12
    assert add_margin((40, 30, 70, 80), 0) == (40, 30, 70, 80)


def test_a_margin_crop_keeps_proportions_and_is_black_beside() -> None:
    rule = CropRule("margin", size=72, enlarge=0.5)
    crop, landmarks = crop_face(ramp(), FACE, rule)
    # (28, 18, 82, 92) stops at the picture's lower border: 54 x 72 pixels, shown 1 to 1 in 9 to 63
    assert (crop[:, :9] == 0).all() and (crop[:, 63:] == 0).all()
    np.testing.assert_array_equal(crop[:, 9:63], ramp()[18:90, 28:82])
    np.testing.assert_allclose(landmarks, POINTS - (28, 18) + (9, 0), atol=1e-4)


def test_affectnets_box_and_its_swapped_sister() -> None:
    right, _ = crop_face(ramp(), FACE, CropRule.from_dict({**CROPS["affectnet"][0], "size": 50}))
    assert (right[0, 0, :2].tolist(), right[-1, -1, :2].tolist()) == ([40, 30], [69, 79])
    rule = CropRule.from_dict({**CROPS["affectnet-swapped"][0], "size": 50})
    swapped, landmarks = crop_face(ramp(), FACE, rule)
    assert swap_axes((40, 30, 70, 80)) == (30, 40, 80, 70)
    assert (swapped[0, 0, :2].tolist(), swapped[-1, -1, :2].tolist()) == ([30, 40], [79, 69])
    np.testing.assert_allclose(landmarks, (POINTS - (30, 40)) * (1, 50 / 30), atol=1e-4)


def test_eyes_and_mouth_come_to_lie_exactly_on_their_places() -> None:
    assert EYES_AND_MOUTH.tolist() == [[0.286, 0.4], [0.714, 0.4], [0.5, 0.714]]
    picture = ramp()
    crop, landmarks = align_eyes_and_mouth(picture, POINTS, 100)
    np.testing.assert_allclose(landmarks[:2], [[28.6, 40], [71.4, 40]], atol=1e-4)
    np.testing.assert_allclose(landmarks[3:].mean(0), [50, 71.4], atol=1e-4)
    # by hand: place = eye + a (other eye - eye) + b (mouth - eye), and back at the pixel (50, 40)
    right, left, mouth = *POINTS[:2], POINTS[3:].mean(0)
    a, b = (50 - 28.6) / (71.4 - 28.6), 0.0
    seen = right + a * (left - right) + b * (mouth - right)
    np.testing.assert_allclose(crop[40, 50, :2], seen, atol=1)


def test_points_on_one_line_are_refused() -> None:
    with pytest.raises(ValueError, match="one line"):
        align_eyes_and_mouth(ramp(), np.stack([np.arange(5.0), np.arange(5.0)], 1))
    with pytest.raises(ValueError, match="one line"):
        align_eyes_and_mouth(ramp(), np.full((5, 2), np.nan))


@pytest.mark.parametrize("name", CROPS)
def test_every_name_is_a_rule_that_survives_json(name: str) -> None:
    rule = CropRule.from_dict(CROPS[name][0])
    assert CropRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    crop, landmarks = crop_face(ramp(), FACE, rule)
    assert crop.shape == (112, 112, 3) and np.isfinite(landmarks).all()
