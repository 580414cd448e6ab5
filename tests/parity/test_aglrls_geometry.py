"""AGLRLS's boxes, landmark cells and pixels, step by step as its program makes them: exact."""

from __future__ import annotations

import numpy as np
import pytest

from ferda.faces import crops

SYSTEM = "aglrls"

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


@pytest.mark.parametrize("mode", ["test", "train"])
def test_geometry(case, mode: str) -> None:
    numbers = {key: value.numpy() for key, value in case.losses.items() if key.startswith("geo_")}
    image = numbers["geo_image"]
    height, width = image.shape[:2]
    for row, box in enumerate(numbers["geo_bbox"].tolist()):
        rectangle = crops.enlarge_box(tuple(box), width, height)
        if mode == "train":
            offset = tuple(numbers["geo_train_offsets"][row].tolist())
            rectangle = crops.jitter_box(rectangle, offset, width, height)
        np.testing.assert_array_equal(rectangle, numbers[f"geo_{mode}_rect"][row])

        left, top, right, bottom = rectangle
        picture = image
        points = numbers["geo_landmarks"][row] - (left, top)
        if mode == "train" and numbers["geo_train_flip"][row]:
            points = crops.mirror_points(points, right - left)
            picture = image[:, ::-1]
            rectangle = (width - right, top, width - left, bottom)
        cells = crops.grid_positions(points, right - left, bottom - top)
        np.testing.assert_array_equal(cells, numbers[f"geo_{mode}_loc"][row])

        pixels, _ = crops.resize_crop(picture, rectangle, numbers["geo_landmarks"][row], 112)
        normalised = ((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)[:, ::14, ::14]
        np.testing.assert_allclose(normalised, numbers[f"geo_{mode}_pixels"][row], rtol=1e-5, atol=1e-5)
