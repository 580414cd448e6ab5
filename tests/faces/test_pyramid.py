"""Copies and squares against torch's pooling and region sampling, which work in another way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional
from torchvision.ops import roi_align

from ferda.faces.pyramid import Pyramid, cut_squares


def pictures(count: int, height: int, width: int) -> tuple[np.ndarray, torch.Tensor]:
    """Pictures, and what the networks are shown of them."""
    images = np.random.default_rng(height).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    return images, (torch.from_numpy(images).permute(0, 3, 1, 2).float() - 127.5) / 128


@pytest.mark.parametrize("size", [(12, 31), (53, 77), (1, 2), (80, 160)])
def test_a_level_averages_what_each_of_its_pixels_touches(size: tuple[int, int]) -> None:
    images, shown = pictures(2, 53, 77)
    expected = functional.interpolate(shown, size=size, mode="area").numpy()
    np.testing.assert_allclose(Pyramid(images).level(*size), expected, atol=1e-6)


def test_halves_go_down_to_the_smallest_side() -> None:
    images, shown = pictures(2, 200, 301)
    copies = Pyramid(images).halved()
    for copy in copies:
        np.testing.assert_allclose(copy, shown.numpy(), atol=2e-6)
        shown = functional.avg_pool2d(shown, 2, ceil_mode=True, count_include_pad=False)
    assert [copy.shape[2:] for copy in copies] == [(200, 301), (100, 151), (50, 76)]


def test_sums_may_overflow() -> None:
    white = np.full((1, 4100, 2100, 3), 255, np.uint8)
    assert white[..., 0].sum(dtype=np.int64) > 2**31
    np.testing.assert_array_equal(Pyramid(white).level(41, 21), np.float32(127.5 / 128))


@pytest.mark.parametrize("size", [24, 48])
def test_squares_are_sampled_from_the_nearest_halved_copy(size: int) -> None:
    rng = np.random.default_rng(0)
    groups = [pictures(2, 120, 210), pictures(1, 49, 50)]
    copies = [Pyramid(images).halved() for images, _ in groups]
    picture, corner = rng.integers(0, 3, 60), rng.uniform(-60, 150, (60, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(3, 220, (60, 1))], 1).astype(np.float32)
    found = cut_squares(copies, picture, boxes, size)
    for box, number, square in zip(boxes, picture, found, strict=True):
        levels = copies[0] if number < 2 else copies[1]
        k = min(int(np.log2(max((box[2] - box[0]) / size, 1))), len(levels) - 1)
        place = torch.tensor([[0.0, *box]])
        level = torch.from_numpy(levels[k][number % 2 : number % 2 + 1])
        expected = roi_align(level, place, size, 0.5**k, sampling_ratio=2, aligned=True)
        np.testing.assert_allclose(square, expected[0].numpy(), atol=1e-4)


def test_beyond_the_border_there_is_zero() -> None:
    white = [np.ones((1, 3, 40, 40), np.float32)]
    crop = cut_squares([white], np.zeros(1, np.int64), np.array([[-24, 0, 24, 48]], np.float32), 48)[0]
    assert crop[:, :39, 25:] == pytest.approx(1), "inside it is the picture"
    assert (crop[:, :, :23] == 0).all(), "left of it is zero, not the picture's first column"
    assert (crop[:, 42:] == 0).all()
