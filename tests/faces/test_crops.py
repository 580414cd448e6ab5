"""The crop rule, the crops, and AGLRLS's whole-number geometry by properties (its numbers: tests/parity)."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.errors import UserError
from ferda.faces import crops
from ferda.faces.align import ARCFACE_112, FER2013, template
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face

NOISE = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
POINTS = (template(112) * 0.4 + (40, 20)).astype(np.float32)
FACE = Face((42.4, 22.4, 40.0, 50.0), 0.99, POINTS)


@st.composite
def rectangles(draw: st.DrawFn) -> tuple[tuple[int, int, int, int], int, int]:
    width, height = draw(st.integers(2, 300)), draw(st.integers(2, 300))
    left, top = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    right, bottom = draw(st.integers(left + 1, width)), draw(st.integers(top + 1, height))
    return (left, top, right, bottom), width, height


def test_a_rule_survives_json() -> None:
    rule = CropRule("box", size=224, enlarge=0.3, detect=False)
    assert CropRule.from_dict(json.loads(json.dumps(rule.to_dict()))) == rule
    assert CropRule.from_dict({"enlarge": 0}) == CropRule(enlarge=0)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"sise": 112}, "did you mean 'size'"),
        ({"size": "112"}, "must be a int"),
        ({"size": True}, "must be a int"),
        ({"detect": 1}, "must be a bool"),
        ({"kind": "box "}, "no crop"),
        ({"size": 10**9}, "between 8 and 2048"),
        ({"enlarge": -1.0}, "enlarge"),
        ({"enlarge": float("nan")}, "enlarge"),
    ],
)
def test_a_wrong_rule_is_said(values: dict[str, object], said: str) -> None:
    with pytest.raises(UserError, match=said):
        CropRule.from_dict(values)


@pytest.mark.parametrize("kind", ["aligned", "box", "whole"])
@pytest.mark.parametrize("size", [32, 112])
def test_crops_have_the_rules_size_and_moved_landmarks(kind: crops.Kind, size: int) -> None:
    crop, landmarks = crop_face(NOISE, FACE, CropRule(kind, size=size))
    assert crop.shape == (size, size, 3) and crop.dtype == np.uint8
    assert landmarks.shape == (5, 2) and landmarks.dtype == np.float32
    expected = {
        "aligned": template(size),
        "box": (POINTS - (38, 17)) * size / np.array([82 + 4 - 38, 72 + 5 - 17]),
        "whole": POINTS * size / np.array([120, 90]),
    }
    np.testing.assert_allclose(landmarks, expected[kind], atol=1e-3)


def test_a_close_crop_puts_the_points_where_fer2013_has_them() -> None:
    turned = (FER2013 * 40) @ np.array([[0.8, 0.6], [-0.6, 0.8]]) + (60, 10)
    crop, landmarks = crop_face(NOISE, Face((50, 5, 40, 40), 0.9, turned), CropRule("fer2013", size=48))
    assert crop.shape == (48, 48, 3)
    np.testing.assert_allclose(landmarks, 48 * FER2013, atol=1e-3)
    eyes, mouth = FER2013[:2], FER2013[3:]
    assert np.ptp(eyes[:, 0]) > np.ptp(ARCFACE_112[:2, 0]) / 112  # closer than ArcFace's
    np.testing.assert_allclose((1 - eyes[::-1, 0], 1 - mouth[::-1, 0]), (eyes[:, 0], mouth[:, 0]))


def test_nobody_found_gives_the_whole_picture() -> None:
    crop, landmarks = crop_face(NOISE, None, CropRule("aligned", size=64))
    whole, _ = crop_face(NOISE, FACE, CropRule("whole", size=64))
    np.testing.assert_array_equal(crop, whole)
    assert np.isnan(landmarks).all()


def test_without_landmarks_the_box_is_cut_out() -> None:
    blind = Face(FACE.box, 1.0, np.full((5, 2), np.nan, np.float32))
    crop, landmarks = crop_face(NOISE, blind, CropRule("aligned", size=64))
    box, _ = crop_face(NOISE, FACE, CropRule("box", size=64))
    np.testing.assert_array_equal(crop, box)
    assert np.isnan(landmarks).all()


@pytest.mark.parametrize(
    "box", [(-500.0, 0.0, 20.0, 20.0), (50.0, 50.0, 0.0, 0.0), (200.0, 10.0, 30.0, 30.0)]
)
def test_a_box_beyond_the_picture_gives_the_whole(box: tuple[float, float, float, float]) -> None:
    crop, _ = crop_face(NOISE, Face(box, 1.0, POINTS), CropRule("box", size=90, enlarge=0))
    whole, _ = crop_face(NOISE, None, CropRule("box", size=90))
    np.testing.assert_array_equal(crop, whole)


def test_a_crop_of_its_own_size_is_a_copy() -> None:
    crop, landmarks = crops.resize_crop(NOISE, (10, 20, 60, 70), POINTS, 50)
    np.testing.assert_array_equal(crop, NOISE[20:70, 10:60])
    np.testing.assert_allclose(landmarks, POINTS - (10, 20))
    crop[:] = 0
    assert NOISE[20:70, 10:60].any(), "the picture is not written to"


@given(rectangles(), st.floats(0, 2))
def test_enlarging_holds_the_box_and_stays_in_the_picture(
    case: tuple[tuple[int, int, int, int], int, int], share: float
) -> None:
    (left, top, right, bottom), width, height = case
    a, b, c, d = crops.enlarge_box((left, top, right, bottom), width, height, share)
    assert 0 <= a <= left and 0 <= b <= top and right <= c <= width and bottom <= d <= height


@given(rectangles(), st.data())
def test_jitter_of_nothing_is_nothing_and_no_jitter_empties_a_box(
    case: tuple[tuple[int, int, int, int], int, int], data: st.DataObject
) -> None:
    rectangle, width, height = case
    across, down = crops.margins(rectangle)
    large = crops.enlarge_box(rectangle, width, height)
    assert crops.jitter_box(large, (0, 0), width, height) == large
    offset = data.draw(st.integers(-across, across)), data.draw(st.integers(-down, down))
    left, top, right, bottom = crops.jitter_box(large, offset, width, height)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height


@given(st.floats(-50, 400), st.floats(-50, 400), st.integers(1, 300), st.integers(1, 300))
def test_grid_positions_leave_room_for_a_window(x: float, y: float, width: int, height: int) -> None:
    cells = crops.grid_positions(np.array([[x, y]]), width, height)
    assert cells.dtype == np.int64
    assert ((cells >= 3) & (cells <= 24)).all()


def test_mirroring_twice_is_nothing() -> None:
    np.testing.assert_allclose(crops.mirror_points(crops.mirror_points(POINTS, 112), 112), POINTS, atol=1e-4)
