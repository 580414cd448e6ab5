"""The mean of a face over time, against a sum over all its frames."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ferda.errors import UserError
from ferda.inference.smoothing import Smoother


@given(
    st.lists(st.tuples(st.floats(0.001, 5), st.floats(0, 1)), min_size=1, max_size=12), st.floats(0.05, 10)
)
def test_it_is_a_mean_with_weights_that_fade(frames: list[tuple[float, float]], seconds: float) -> None:
    """Frame k counts (1 - fade of its gap) times the fade since; the first as if it had always been seen."""
    smoother, times = Smoother(seconds), np.cumsum([gap for gap, _ in frames])
    for time, (_, value) in zip(times, frames, strict=True):
        said = smoother(3, float(time), np.array([value, 1 - value]))
    expected = 0.0
    for number, (gap, value) in enumerate(frames):
        share = 1.0 if number == 0 else 1 - math.exp(-gap / seconds)
        expected += value * share * math.exp(-(times[-1] - times[number]) / seconds)
    assert said[0] == pytest.approx(expected, abs=1e-9)
    assert said.sum() == pytest.approx(1, abs=1e-9)


def test_the_frame_rate_does_not_matter() -> None:
    """After a change from 0 to 1 the answer has come 1 - 1/e of the way in one time constant."""
    for rate in (5, 25, 100):
        smoother = Smoother(0.5)
        smoother(0, 0.0, np.zeros(1))
        for frame in range(1, rate // 2 + 1):
            said = smoother(0, frame / rate, np.ones(1))
        assert said[0] == pytest.approx(1 - math.exp(-(rate // 2) / rate / 0.5), abs=1e-9)


def test_faces_do_not_mix() -> None:
    smoother = Smoother(1.0)
    smoother(0, 0.0, np.array([1.0]))
    assert smoother(1, 0.1, np.array([0.0]))[0] == 0


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_a_time_that_is_none(seconds: float) -> None:
    with pytest.raises(UserError, match="above 0"):
        Smoother(seconds)
