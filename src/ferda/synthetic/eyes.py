"""Eyes, teeth and the inside of the mouth: small, wet, and the first thing a viewer looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.lighting import Surface
from ferda.synthetic.noise import noise
from ferda.synthetic.paint import PaintMaps
from ferda.synthetic.subjects import Subject

#: Share of the eyeball's radius that the pupil takes.
PUPIL = 0.21


def gaze_direction(right: float, up: float) -> NDArray[np.float32]:
    """Unit vector of the gaze in the axes of the head; full deflection is about 30 degrees.

    Args:
        right: -1 (subject's left) to 1 (subject's right).
        up: -1 (down) to 1 (up).
    """
    aim = np.array([-0.5 * right, 0.4 * up, 1.0])
    return (aim / np.linalg.norm(aim)).astype(np.float32)


def paint_eyes(
    surface: Surface, rest: NDArray[np.float32], maps: PaintMaps, subject: Subject, gaze: NDArray[np.float32]
) -> None:
    """Colour pixels of the eyeballs in place.

    Args:
        surface: The visible pixels of the eyeballs.
        rest: (M, 3) the same pixels on the head at rest.
        maps: Knows where the eyeballs are.
        subject: Whose eyes.
        gaze: (3,) where they look.
    """
    centre = maps.eye_centre[(rest[:, 0] > 0).astype(np.int64)]
    out = rest - centre
    out /= np.linalg.norm(out, axis=1, keepdims=True) + 1e-6
    facing = out @ gaze
    radius = np.sqrt(np.clip(1 - facing**2, 0, 1)) + (facing < 0)
    ring = np.arctan2(out[:, 1] - gaze[1], out[:, 0] - gaze[0])
    rays = noise(ring * 14, radius * 18, seed=subject.seed + 31, exponent=0.5)
    veins = noise(out[:, 0] * 60, out[:, 1] * 60, seed=subject.seed + 37, exponent=0.8)
    white = np.array([0.60, 0.55, 0.52], dtype=np.float32) * (1 + 0.03 * veins)[:, None]
    white = white * (1 - 0.35 * np.clip((np.abs(out[:, 0]) - 0.45) / 0.4, 0, 1))[:, None]
    relative = radius / subject.iris
    iris = (
        subject.eyes
        * (1.05 + 0.25 * rays)[:, None]
        * (1 - 0.45 * np.clip(relative - 0.55, 0, 1) / 0.45)[:, None]
    )
    iris = iris * (1 - 0.7 * np.clip((relative - 0.82) / 0.18, 0, 1))[:, None]
    share = np.clip((1.04 - relative) / 0.10, 0, 1)
    pupil = np.clip((PUPIL + 0.02 - radius) / 0.05, 0, 1)
    colour = white + (iris - white) * share[:, None]
    surface.albedo[:] = colour * (1 - 0.97 * pupil)[:, None]
    surface.gloss[:] = 1.1
    surface.sharpness[:] = 380.0
    surface.skin[:] = 0.35
    upper = np.clip((out[:, 1] - 0.05) / 0.28, 0, 1)
    surface.open *= 1 - 0.45 * upper


def paint_mouth(surface: Surface, rest: NDArray[np.float32], *, teeth: bool) -> None:
    """Colour pixels of teeth, or of gums and tongue, in place; it is dark in there.

    Args:
        surface: The visible pixels.
        rest: (M, 3) the same pixels on the head at rest.
        teeth: Whether these are teeth.
    """
    depth = np.clip((rest[:, 2] - 6.0) / 4.5, 0.03, 1) ** 1.5
    side = np.clip(1.15 - np.abs(rest[:, 0]) / 3.2, 0.15, 1)
    colour = [0.74, 0.68, 0.57] if teeth else [0.34, 0.085, 0.085]
    surface.albedo[:] = np.array(colour, dtype=np.float32) * (depth * side)[:, None]
    surface.gloss[:] = (0.16 if teeth else 0.10) * depth
    surface.sharpness[:] = 60.0
    surface.skin[:] = 0.5
    surface.open *= 0.75 if teeth else 0.6
