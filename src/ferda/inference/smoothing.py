"""Probabilities of one face over time, made calm: an exponential mean whose memory is counted in seconds."""

from __future__ import annotations

import math

import numpy as np

from ferda.errors import UserError


class Smoother:
    """An exponential mean for each face: what was said `seconds` ago counts 37 % of what is said now.

    The weight of a frame follows from the time since the face's last one, so the same film at another frame
    rate, or at a larger step, gives nearly the same curve. A face's first answer is taken as it is.

    Args:
        seconds: The time constant.

    Raises:
        UserError: If it is not positive.
    """

    def __init__(self, seconds: float) -> None:
        if not (seconds > 0 and math.isfinite(seconds)):
            raise UserError(f"Answers are smoothed over a time in seconds above 0; got {seconds:g}.")
        self._seconds = seconds
        self._last: dict[int, tuple[float, np.ndarray]] = {}

    def __call__(self, face_id: int, time_s: float, values: np.ndarray) -> np.ndarray:
        """Return the mean with this answer in it.

        Args:
            face_id: Whose.
            time_s: When.
            values: (K,) what was answered.
        """
        if face_id in self._last:
            time, mean = self._last[face_id]
            weight = -math.expm1(-(time_s - time) / self._seconds)
            values = mean + weight * (values - mean)
        self._last[face_id] = (time_s, values)
        return values
