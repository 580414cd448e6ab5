"""Which of overlapping boxes stay: against torchvision's choice, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchvision.ops import batched_nms

from ferda.faces.candidates import Candidates


def candidates(boxes: np.ndarray, scores: np.ndarray, picture: np.ndarray) -> Candidates:
    rows = len(boxes)
    return Candidates(
        picture,
        boxes.astype(np.float32),
        scores.astype(np.float32),
        np.zeros((rows, 4)),
        np.zeros((rows, 0, 2)),
    )


def drawn(rows: int) -> Candidates:
    rng = np.random.default_rng(rows)
    corner = rng.uniform(0, 60, (rows, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(5, 60, (rows, 2))], 1)
    return candidates(boxes, rng.random(rows), rng.integers(0, 3, rows))


@pytest.mark.parametrize("rows", [1, 7, 150])
@pytest.mark.parametrize("overlap", [0.3, 0.7])
def test_the_strongest_of_overlapping_boxes_stays(rows: int, overlap: float) -> None:
    found = drawn(rows)
    columns = (found.boxes, found.scores, found.picture)
    expected = batched_nms(*map(torch.from_numpy, columns), overlap)
    kept = found.suppressed(overlap)
    assert set(kept.scores) == set(found.scores[expected.numpy()])
    assert rows < 150 or len(kept) < rows


def test_nothing_overlaps_nothing() -> None:
    assert len(drawn(3).take(np.zeros(3, bool)).suppressed(0.5)) == 0


def test_a_small_box_in_a_large_one_is_nested_and_the_other_pictures_are_left_alone() -> None:
    boxes = np.array([[0, 0, 100, 100], [10, 10, 30, 30], [90, 90, 130, 130], [10, 10, 30, 30]])
    found = candidates(boxes, np.array([0.8, 0.9, 0.7, 0.6]), np.array([0, 0, 0, 1]))
    # the small one is the stronger, so the large one goes; that in the corner shares 1/16 of its own area
    assert sorted(found.without_nested(0.7).scores) == pytest.approx([0.6, 0.7, 0.9])


def test_edges_move_as_asked_then_the_box_becomes_a_square() -> None:
    one = candidates(np.array([[10, 20, 30, 60]]), np.ones(1), np.zeros(1, np.int64))
    one = replace(one, corrections=np.array([[0.5, 0.25, -0.5, 0]]))
    assert one.corrected().boxes.tolist() == [[20, 30, 20, 60]]
    assert one.corrected().squared().boxes.tolist() == [[5, 30, 35, 60]]
