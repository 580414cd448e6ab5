from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from PIL import Image

from ferda.data.picture_likeness import SAME, likeness, thumbnails

Draw = Callable[..., np.ndarray]


def jpeg(image: np.ndarray) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "jpeg", quality=60)
    return np.asarray(Image.open(buffer))


def cut(image: np.ndarray, right: float = 0, down: float = 0, larger: float = 1) -> np.ndarray:
    size = image.shape[0]
    places = [[larger, 0, (right + (1 - larger) / 2) * size], [0, larger, (down + (1 - larger) / 2) * size]]
    way = np.array(places, dtype=np.float32)
    return cv2.warpAffine(image, way, (size, size), borderMode=cv2.BORDER_REPLICATE)


COPIES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "saved again": jpeg,
    "brighter": lambda image: np.clip(image * 1.1 + 10, 0, 255).astype(np.uint8),
    "darker": lambda image: (image * 0.6).astype(np.uint8),
    "moved 2 %": lambda image: cut(image, 0.02, 0.02),
    "moved 4 %": lambda image: cut(image, -0.04, 0.03),
    "cut out closer": lambda image: cut(image, larger=1.04),
    "all of it": lambda image: jpeg(cut((image * 0.7).astype(np.uint8), 0.02, -0.01, 0.98)),
    "smaller": lambda image: cv2.resize(image, (48, 48), interpolation=cv2.INTER_AREA),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_the_same(blots: Draw, copy: str) -> None:
    images = blots(12, 96)
    copies = thumbnails(np.stack([COPIES[copy](image) for image in images]))
    assert likeness(thumbnails(images), copies).min() > SAME
    assert likeness(thumbnails(images), np.roll(copies, 1, axis=0)).max() < 0.6


def test_the_same_picture_is_one_and_a_mirrored_one_is_another(blots: Draw) -> None:
    small = thumbnails(blots(6))
    np.testing.assert_allclose(likeness(small, small), 1, atol=1e-5)
    assert likeness(small, small[:, :, ::-1]).max() < 0.6


def test_rows_do_not_disturb_each_other(blots: Draw) -> None:
    one, other = thumbnails(blots(6)), thumbnails(blots(6)[:, 1:, 1:])
    alone = [float(likeness(one[i : i + 1], other[i : i + 1])[0]) for i in range(6)]
    np.testing.assert_allclose(likeness(one, other), alone, atol=1e-4)


def test_what_shows_nothing_is_like_nothing() -> None:
    black = thumbnails(np.zeros((2, 48, 48, 3), dtype=np.uint8))
    np.testing.assert_array_equal(likeness(black, black), 0)
