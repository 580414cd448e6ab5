"""DDAMFN++'s alignment gives the matrices, the choices and the pixels of the authors' program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ferda.faces.poses import FIVE_POSES_112, align_to_pose, nearest_pose

SYSTEM = "ddamfn"

#: Which test asserts which arrays. Completeness is a test of its own.
ACCOUNT = {
    "templates": "test_choice",
    "landmarks": "test_choice",
    "matrix": "test_choice",
    "template_index": "test_choice",
    "image": "test_pixels",
    "crop*": "test_pixels",
}


def test_choice(case: Any) -> None:
    given = {key: value.numpy() for key, value in case.load("align").items()}
    np.testing.assert_allclose(FIVE_POSES_112, given["templates"], rtol=1e-6)
    for row, points in enumerate(given["landmarks"]):
        pose, matrix = nearest_pose(points)
        assert pose == given["template_index"][row]
        np.testing.assert_allclose(matrix, given["matrix"][row], rtol=1e-5, atol=1e-5)


def test_pixels(case: Any) -> None:
    given = {key: value.numpy() for key, value in case.load("align").items()}
    points = given["landmarks"][int(given["crop_landmark_row"])]
    # the landmarks are whole numbers already, so that a fraction must not change anything
    crop, _ = align_to_pose(given["image"], points + 0.75, truncate=True)
    assert np.abs(crop.astype(int) - given["crop"].astype(int)).max() <= 1


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.load("align"), ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
