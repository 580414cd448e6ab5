"""Networks are functions of arrays, and are asked about a few rows at a time."""

from __future__ import annotations

import numpy as np
import pytest

from ferda.faces.cascade import in_pieces


@pytest.mark.parametrize(("values", "sizes"), [(24, [2, 2, 1]), (25, [2, 2, 1]), (1, [1] * 5), (999, [5])])
def test_a_network_is_asked_about_a_few_rows_at_a_time(values: int, sizes: list[int]) -> None:
    asked: list[int] = []

    def network(images: np.ndarray) -> tuple[np.ndarray, ...]:
        asked.append(len(images))
        return images.sum((1, 2, 3)), images[:, 0]

    images = np.arange(60.0).reshape(5, 3, 2, 2)
    sums, first = in_pieces(network, values)(images)
    assert asked == sizes
    assert sums.tolist() == [66, 210, 354, 498, 642] and (first == images[:, 0]).all()
