from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from ferda.layers.landmark_windows import default_window, landmark_windows, window_positions


def by_loops(maps: Tensor, positions: Tensor, window: int) -> Tensor:
    """The same, cell by cell."""
    b, d, h, w = maps.shape
    margin = window // 2
    cut = maps.new_zeros(b, positions.shape[1], d, window, window)
    for i in range(b):
        for point, (x, y) in enumerate(positions[i].tolist()):
            for row in range(window):
                for column in range(window):
                    at_y, at_x = y - margin + row, x - margin + column
                    if 0 <= at_y < h and 0 <= at_x < w:
                        cut[i, point, :, row, column] = maps[i, :, at_y, at_x]
    return cut


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 1000), st.sampled_from([1, 3, 5, 7]), st.integers(3, 9), st.integers(3, 9))
def test_windows_equal_a_loop_over_cells(seed: int, window: int, h: int, w: int) -> None:
    torch.manual_seed(seed)
    maps = torch.randn(2, 3, h, w, dtype=torch.float64, requires_grad=True)
    positions = torch.stack([torch.randint(0, w, (2, 4)), torch.randint(0, h, (2, 4))], 2)
    cut, expected = landmark_windows(maps, positions, window), by_loops(maps, positions, window)
    assert torch.equal(cut, expected)
    weights = torch.randn_like(cut)
    (gradient,) = torch.autograd.grad((cut * weights).sum(), maps)
    (expected_gradient,) = torch.autograd.grad((expected * weights).sum(), maps)
    torch.testing.assert_close(gradient, expected_gradient)


def test_an_even_window_has_no_centre() -> None:
    with pytest.raises(ValueError, match="odd"):
        landmark_windows(torch.zeros(1, 1, 8, 8), torch.zeros(1, 5, 2, dtype=torch.int64), 4)


def test_windows_are_a_quarter_of_the_map() -> None:
    assert [default_window(cells) for cells in (28, 16, 12, 8)] == [7, 5, 3, 3]


def test_positions_are_truncated_cells_that_keep_windows_inside() -> None:
    landmarks = torch.tensor([[[44.0, 47.9], [0.0, 111.0], [-5.0, 500.0], [12.0, 12.0], [99.9, 96.0]]])
    found = window_positions(landmarks, torch.zeros(1, 3, 112, 112), torch.zeros(1, 8, 28, 28), 7)
    assert found.tolist() == [[[11, 11], [3, 24], [3, 24], [3, 3], [24, 24]]]


def test_wide_pictures_have_their_own_scale_on_each_axis() -> None:
    landmarks = torch.tensor([[[40.0, 20.0]]])
    found = window_positions(landmarks, torch.zeros(1, 3, 40, 80), torch.zeros(1, 8, 10, 40), 3)
    assert found.tolist() == [[[20, 5]]]


def test_unknown_landmarks_are_those_of_an_average_face() -> None:
    images, maps = torch.zeros(2, 3, 112, 112), torch.zeros(2, 8, 28, 28)
    known = torch.full((1, 5, 2), 60.0)
    mixed = torch.cat([known, torch.full((1, 5, 2), torch.nan)])
    found, average = window_positions(mixed, images, maps, 7), window_positions(None, images, maps, 7)
    assert torch.equal(found[0], torch.full((5, 2), 15))
    assert torch.equal(found[1], average[1])
    right_eye, left_eye, nose, right_mouth, left_mouth = average[0].tolist()
    assert right_eye[0] < nose[0] < left_eye[0] and right_mouth[0] < left_mouth[0]
    assert right_eye[1] < nose[1] < left_mouth[1]
