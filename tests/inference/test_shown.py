"""Pictures and points as torch shows them to a network, made without it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ferda.data.normalise import Normalise
from ferda.data.views import Views
from ferda.inference.shown import shown_faces, shown_points

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@pytest.mark.parametrize("channels", ["rgb", "bgr"])
@pytest.mark.parametrize("size", [48, 31, 20, 112])
def test_numpy_shows_what_torch_shows(size: int, channels: str) -> None:
    rng = np.random.default_rng(size)
    crops = rng.integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    points = rng.uniform(-5, 60, (2, 5, 2)).astype(np.float32)
    points[1, 3] = np.nan
    view = Views("none", size)
    pictures, moved = view.apply(
        torch.from_numpy(crops), torch.from_numpy(points), torch.zeros(2, view.columns)
    )
    expected = Normalise(MEAN, STD, channels)(pictures).numpy()
    np.testing.assert_allclose(shown_faces(crops, size, MEAN, STD, channels), expected, atol=2e-5)
    np.testing.assert_allclose(shown_points(points, 48, size), moved.numpy(), atol=1e-4)
