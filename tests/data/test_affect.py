from __future__ import annotations

import logging
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.data.affect import find_affect, quadrants

NAN = np.nan


def test_values_come_in_their_order_and_what_is_unknown_is_nan() -> None:
    manifest = pd.DataFrame({"arousal": [0.5, -2, None], "valence": [-1.0, -2, 0.25]})
    found = find_affect(manifest, "some")
    assert found is not None and found.dtype == np.float32
    np.testing.assert_array_equal(found, np.float32([[-1, 0.5], [NAN, NAN], [0.25, NAN]]))
    only = find_affect(manifest[["arousal"]], "some")
    assert only is not None and np.isnan(only[:, 0]).all() and only[0, 1] == 0.5


@pytest.mark.parametrize(
    "columns", [{}, {"valence": [-2.0, -2]}, {"valence": [NAN, NAN], "arousal": [-2, NAN]}]
)
def test_without_a_known_value_there_is_none(columns: dict[str, list[float]]) -> None:
    assert find_affect(pd.DataFrame({"file": ["a", "b"], **columns}), "some") is None


def test_another_scale_is_told_and_not_used(caplog: pytest.LogCaptureFixture) -> None:
    manifest = pd.DataFrame({"valence": [0.5, 7.0, -2], "arousal": [1, 5, 9]})
    with caplog.at_level(logging.WARNING, logger="ferda"):
        assert find_affect(manifest, "nine points") is None
    assert "'nine points' are not used: 2 rows have values outside -1 to 1, such as 7" in caplog.text


def quadrant_of(valence: float, arousal: float) -> int:
    if math.isnan(valence) or math.isnan(arousal):
        return -1
    if arousal >= 0:
        return 0 if valence >= 0 else 1
    return 2 if valence < 0 else 3


@given(st.lists(st.tuples(*[st.sampled_from([-1, -1e-6, -0.0, 0, 1e-6, 1, NAN])] * 2), max_size=20))
def test_quadrants_go_round_and_zero_is_positive(rows: list[tuple[float, float]]) -> None:
    found = quadrants(np.float32(rows).reshape(-1, 2))
    assert found.tolist() == [quadrant_of(*row) for row in rows]
