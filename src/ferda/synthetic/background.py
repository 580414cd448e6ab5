"""What is behind a head: a studio wall, or something like a street, out of focus."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.shot import Background

_WORK = 96


def draw_background(background: Background, size: int) -> NDArray[np.float32]:
    """Return the linear picture (size, size, 3) behind the head.

    Args:
        background: What to draw.
        size: Width and height in pixels.
    """
    generator = np.random.default_rng([background.seed, 11])
    picture = _wall(generator)
    if background.clutter > 0:
        _add_things(picture, background.clutter, generator)
    if background.blur > 0:
        width = max(background.blur * _WORK, 0.3)
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), width), dtype=np.float32)
    large = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.clip(large * background.brightness, 0, 1.5).astype(np.float32)


def _wall(generator: np.random.Generator) -> NDArray[np.float32]:
    """A wall with a soft pool of light on it."""
    base = generator.uniform(0.06, 0.65) * (1 + generator.normal(0, 0.08, 3))
    y, x = np.mgrid[0:_WORK, 0:_WORK] / (_WORK - 1)
    centre = generator.uniform(0.1, 0.9, 2)
    pool = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * generator.uniform(0.3, 0.7) ** 2))
    slope = 1 + generator.uniform(-0.25, 0.25) * (x - 0.5) + generator.uniform(-0.3, 0.3) * (y - 0.5)
    light = (0.62 + 0.5 * pool) * slope
    return np.clip(base[None, None, :] * light[..., None], 0.01, 1.0).astype(np.float32)


def _add_things(picture: NDArray[np.float32], clutter: float, generator: np.random.Generator) -> None:
    """Facades with windows, poles, signs, leaves and lights, drawn over the wall from far to near."""
    horizon = int(generator.uniform(0.35, 0.8) * _WORK)
    picture[:horizon] *= generator.uniform(0.8, 1.6)
    picture[horizon:] *= generator.uniform(0.4, 0.9)
    for _ in range(int(2 + 6 * clutter)):
        left, width = int(generator.uniform(-0.2, 1) * _WORK), int(generator.uniform(0.1, 0.5) * _WORK)
        top = int(generator.uniform(-0.1, 0.6) * _WORK)
        colour = _colour(generator)
        cv2.rectangle(picture, (left, top), (left + width, _WORK), colour, -1)
        if generator.random() < 0.6:
            _windows(picture, left, top, width, generator)
    for _ in range(int(5 * clutter)):
        x = int(generator.uniform(0, _WORK))
        cv2.line(
            picture,
            (x, 0),
            (x + int(generator.normal(0, 8)), _WORK),
            _colour(generator),
            int(generator.integers(1, 4)),
        )
    for _ in range(int(10 * clutter)):
        place = tuple(int(value) for value in generator.uniform(0, _WORK, 2))
        axes = tuple(int(value) for value in generator.uniform(2, 12, 2))
        cv2.ellipse(picture, place, axes, float(generator.uniform(0, 180)), 0, 360, _colour(generator), -1)
    if generator.random() < 0.4:
        leaves = cv2.resize(generator.normal(0, 1, (24, 24)).astype(np.float32), (_WORK, _WORK))
        green = np.array([0.10, 0.20, 0.05], dtype=np.float32) * generator.uniform(0.5, 2)
        share = np.clip(leaves, 0, 1)[..., None] * clutter
        picture += (green - picture) * share


def _windows(
    picture: NDArray[np.float32], left: int, top: int, width: int, generator: np.random.Generator
) -> None:
    colour, step = _colour(generator), int(generator.integers(4, 9))
    for x in range(left + 2, left + width - 2, step):
        for y in range(top + 2, _WORK, step):
            cv2.rectangle(picture, (x, y), (x + step // 2, y + step // 2), colour, -1)


def _colour(generator: np.random.Generator) -> tuple[float, float, float]:
    grey = generator.uniform(0.03, 0.8) ** 1.3
    red, green, blue = np.clip(grey * (1 + generator.normal(0, 0.13, 3)), 0.01, 1.0)
    return float(red), float(green), float(blue)
