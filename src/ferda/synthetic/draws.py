"""From the ranges of a domain to one person and one picture.

Chance is tied to (domain, seed, purpose, number), so that any person and any picture can be drawn alone, in
any order, by any process.
"""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.action_units import draw_weights, gaze_weights
from ferda.synthetic.camera import Camera
from ferda.synthetic.domains import DomainStyle
from ferda.synthetic.lighting import Light
from ferda.synthetic.shot import Background, Degradation, Occluder, Shot
from ferda.synthetic.subjects import Subject, draw_subject


def subject_name(style: DomainStyle, number: int) -> str:
    """Return the name of a person of the domain; names of different domains never coincide.

    Args:
        style: The domain.
        number: From 0.
    """
    return f"{style.name}-{number:04d}"


def draw_person(style: DomainStyle, number: int, *, seed: int, modes: int) -> Subject:
    """Draw the person with this number.

    Args:
        style: The domain.
        number: From 0.
        seed: Of the whole domain.
        modes: How many identity modes the geometry has.
    """
    return draw_subject(subject_name(style, number), modes, _chance(style, seed, 1, number))


def draw_shot(style: DomainStyle, expression: str, number: int, *, seed: int) -> Shot:
    """Draw the picture with this number.

    Args:
        style: The domain.
        expression: The label.
        number: From 0.
        seed: Of the whole domain.
    """
    generator = _chance(style, seed, 2, number)
    gaze = (
        float(np.clip(generator.normal(0, 0.25), -0.8, 0.8)),
        float(np.clip(generator.normal(0, 0.15), -0.5, 0.5)),
    )
    weights = draw_weights(expression, generator, intensity=style.intensity)
    for shape, weight in gaze_weights(*gaze).items():
        weights[shape] = weights.get(shape, 0.0) + weight
    return Shot(
        expression=expression,
        weights=weights,
        gaze=gaze,
        camera=_draw_camera(style, generator),
        light=_draw_light(style, generator),
        exposure=generator.uniform(*style.exposure),
        background=Background(
            clutter=generator.uniform(*style.clutter),
            blur=generator.uniform(*style.background_blur),
            brightness=generator.uniform(*style.background_light),
            seed=int(generator.integers(1 << 30)),
        ),
        occluders=tuple(
            Occluder(kind, int(generator.integers(1 << 30)))
            for kind, chance in style.occluders
            if generator.random() < chance
        ),
        degradation=_draw_degradation(style, generator),
    )


def _chance(style: DomainStyle, seed: int, purpose: int, number: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(style.name.encode()), seed, purpose, number])


def _draw_camera(style: DomainStyle, generator: np.random.Generator) -> Camera:
    limit = 2.2
    yaw, pitch, roll = np.radians([style.yaw, style.pitch, style.roll]) * generator.normal(size=3).clip(
        -limit, limit
    )
    shift = generator.normal(0, style.shift, 2).clip(-3 * style.shift, 3 * style.shift)
    if style.look_aside > 0:
        yaw += np.radians(style.look_aside) * generator.choice([-1, 1])
    return Camera(
        yaw=float(yaw),
        pitch=float(pitch + np.radians(style.look_down)),
        roll=float(roll),
        fill=generator.uniform(*style.fill),
        shift=(float(shift[0]), float(shift[1])),
    )


def _draw_light(style: DomainStyle, generator: np.random.Generator) -> Light:
    side, height = np.radians([generator.uniform(*style.side), generator.uniform(*style.height)])
    fill_side = -side * generator.uniform(0.6, 1.2)
    return Light(
        key_direction=_direction(side, height),
        key=_tinted(generator.uniform(*style.key), style.warmth, generator),
        fill_direction=_direction(fill_side, generator.uniform(-0.1, 0.4)),
        fill=_tinted(generator.uniform(*style.fill_light), style.warmth, generator),
        sky=_tinted(generator.uniform(*style.sky), style.warmth, generator),
        ground=_tinted(generator.uniform(0.3, 0.6) * style.sky[0], style.warmth, generator),
        shadow=generator.uniform(*style.shadow),
        softness=generator.uniform(*style.softness),
    )


def _direction(side: float, height: float) -> NDArray[np.float32]:
    flat = np.cos(height)
    return np.array([np.sin(side) * flat, np.sin(height), np.cos(side) * flat], dtype=np.float32)


def _tinted(strength: float, warmth: float, generator: np.random.Generator) -> NDArray[np.float32]:
    warm = generator.normal(0, warmth)
    return (strength * np.array([1 + warm, 1.0, 1 - warm])).astype(np.float32)


def _draw_degradation(style: DomainStyle, generator: np.random.Generator) -> Degradation:
    tint = 1 + generator.normal(0, style.warmth / 3, 3)
    return Degradation(
        grey=bool(generator.random() < style.grey),
        resolution=int(generator.integers(style.resolution[0], style.resolution[1] + 1)),
        blur=generator.uniform(*style.blur),
        motion=generator.uniform(*style.motion),
        contrast=generator.uniform(*style.contrast),
        tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        noise=generator.uniform(*style.noise),
        jpeg=int(generator.integers(style.jpeg[0], style.jpeg[1] + 1)),
        seed=int(generator.integers(1 << 30)),
    )
