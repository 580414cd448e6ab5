"""Arrays are checked, turned into RGB as they are said to be, and a face that is blue is noticed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pytest

from ferda.errors import UserError
from ferda.faces.detect import Face
from ferda.inference.arrays import ColourOrderWarning, as_rgb
from ferda.inference.asking import Asking
from ferda.inference.face import PredictedFace

SKIN = (205, 150, 125)


class Finder(Asking):
    """One face on the left; remembers the pictures."""

    classes = ("anger", "neutral")

    def predict(
        self, images: Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> list[list[PredictedFace]]:
        self.images = list(images)
        face = Face((4.0, 4.0, 20.0, 20.0), 0.9, np.zeros((5, 2), np.float32))
        return [[PredictedFace.of("0", 0, face, self.classes, np.array([0.2, 0.8]))] for _ in images]


def portrait(skin: tuple[int, int, int]) -> np.ndarray:
    """A face of one colour before a sky."""
    picture = np.full((32, 64, 3), (60, 90, 220), np.uint8)
    picture[4:24, 4:24] = skin
    return picture


def test_the_order_that_is_said_is_the_order_that_is_seen() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    assert as_rgb(rgb) is rgb
    assert (as_rgb(rgb[..., ::-1], "bgr") == rgb).all()
    assert (as_rgb(rgb[..., 0]) == rgb[..., :1]).all(), "grey"
    finder = Finder()
    finder(rgb[..., ::-1], colours="bgr")
    assert (finder.images[0] == rgb).all()


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros((3, 32, 32), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros(4, np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(array: np.ndarray) -> None:
    with pytest.raises(UserError, match=r"A picture is an array of uint8, \(H, W, 3\)"):
        Finder()(array)


def test_an_order_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="'rgb' or 'bgr', not 'RGB'"):
        Finder()(portrait(SKIN), colours="RGB")  # type: ignore[arg-type]


def test_blue_faces_raise_a_warning_that_names_the_remedy() -> None:
    with pytest.warns(ColourOrderWarning, match="say colours='bgr'"):
        Finder()(portrait(SKIN[::-1]))
    with pytest.warns(ColourOrderWarning, match="say colours='rgb'"):
        Finder()(portrait(SKIN), colours="bgr")


@pytest.mark.parametrize("skin", [SKIN, (90, 60, 45), (128, 128, 128), (120, 128, 140), (0, 0, 0)])
def test_skin_grey_and_cold_light_raise_none(skin: tuple[int, int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Finder()(portrait(skin))
        Finder()([portrait(skin)] * 2)


def test_the_warning_points_to_the_callers_line() -> None:
    with pytest.warns(ColourOrderWarning) as caught:
        Finder()(portrait(SKIN[::-1]))
    assert caught[0].filename == __file__
