"""Drawings: the picture stays, words keep off faces, and any size or number of faces works."""

from __future__ import annotations

import numpy as np
import pytest

from ferda.expressions import EXPRESSIONS
from ferda.faces.align import template
from ferda.inference.draw import COLOURS, draw_faces
from ferda.inference.face import PredictedFace


def face(box: tuple[float, float, float, float] | None, expression: str = "anger") -> PredictedFace:
    rest = 0.4 / (len(EXPRESSIONS) - 1)
    points = None if box is None else (template(112) * box[2] / 112 + box[:2]).astype(np.float32)
    probabilities = {name: 0.6 if name == expression else rest for name in EXPRESSIONS}
    return PredictedFace("a.png", 0, box, points, 0.9, expression, 0.6, probabilities)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return (before != after[: before.shape[0], : before.shape[1]]).any(2)


@pytest.mark.parametrize("background", [0, 128, 255])
def test_box_and_words_are_seen_on_any_background(background: int) -> None:
    picture = np.full((600, 800, 3), background, np.uint8)
    drawn = draw_faces(picture, [face((100, 100, 200, 250))])
    assert drawn.shape == picture.shape and drawn.dtype == np.uint8
    assert (picture == background).all(), "the picture itself is not drawn on"
    assert changed(picture, drawn)[100:350, 98:104].any(), "the box"
    plate = drawn[100:300, 320:520].astype(int)
    assert plate.max() > 200 and plate.min() < 60, "bright words on a dark plate"


def test_inside_of_a_face_there_are_only_its_points() -> None:
    picture = np.full((600, 800, 3), 90, np.uint8)
    drawn = draw_faces(picture, [face((300, 150, 200, 250)), face((560, 150, 200, 250), "fear")])
    inside = changed(picture, drawn)[160:390, 310:490]
    assert 0 < inside.mean() < 0.02


def test_where_a_face_fills_the_picture_a_margin_takes_the_words() -> None:
    picture = np.full((500, 500, 3), 90, np.uint8)
    drawn = draw_faces(picture, [face((5, 5, 490, 490))])
    assert drawn.shape[0] == 500 and drawn.shape[1] > 550
    assert changed(picture, drawn)[20:480, 20:480].mean() < 0.02


def test_a_face_without_a_box_frames_the_picture() -> None:
    picture = np.full((500, 600, 3), 90, np.uint8)
    drawn = draw_faces(picture, [face(None, "happiness")])
    assert changed(picture, drawn)[250, :4].any()
    assert not changed(picture, drawn)[100:400, 100:500].any()


@pytest.mark.parametrize("shape", [(48, 48), (1, 1), (3, 900), (2000, 5), (61, 333)])
@pytest.mark.parametrize("count", [0, 1, 30])
def test_any_size_and_number(shape: tuple[int, int], count: int) -> None:
    picture = np.zeros((*shape, 3), np.uint8)
    drawn = draw_faces(picture, [face((-5.0, 1.0, 20.0, 900.0))] * count)
    assert drawn.ndim == 3 and drawn.shape[2] == 3
    assert drawn.shape[0] >= shape[0] and drawn.shape[1] >= shape[1]


def test_bars_are_left_out_for_many_faces_or_on_request() -> None:
    picture = np.full((900, 1200, 3), 90, np.uint8)
    few = [face((100 + 300 * k, 100, 60, 60)) for k in range(3)]
    crowd = [face((100 + 200 * k, 100, 60, 60)) for k in range(5)]
    bars = changed(picture, draw_faces(picture, few))[180:400].sum()
    assert bars > 1000
    assert changed(picture, draw_faces(picture, few, bars=False))[180:400].sum() == 0
    assert changed(picture, draw_faces(picture, crowd))[180:400].sum() == 0
    assert changed(picture, draw_faces(picture, crowd, bars=True))[180:400].sum() > 1000


def test_without_faces_a_large_picture_stays_as_it_is() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (420, 500, 3), dtype=np.uint8)
    np.testing.assert_array_equal(draw_faces(picture, []), picture)


def test_every_expression_has_a_colour_of_its_own() -> None:
    assert set(COLOURS) == set(EXPRESSIONS)
    assert len(set(COLOURS.values())) == len(COLOURS)
