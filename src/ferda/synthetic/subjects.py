"""A person: the shape of the head, the skin, the eyes, the hair. Fixed for all pictures of that person."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Colour = NDArray[np.float32]

#: sRGB of skin from light to dark; a person lies between two of them.
_SKINS = (
    (246, 214, 192),
    (238, 196, 168),
    (226, 177, 142),
    (208, 153, 115),
    (180, 124, 88),
    (146, 97, 67),
    (112, 73, 50),
    (84, 54, 38),
)
_DARK_HAIR = ((20, 16, 15), (34, 25, 21), (54, 37, 27), (44, 32, 28))
_LIGHT_HAIR = ((92, 62, 42), (128, 92, 60), (176, 138, 92), (206, 172, 122), (126, 62, 34), (150, 146, 142))
_DARK_EYES = ((66, 42, 26), (84, 54, 32), (48, 32, 24))
_LIGHT_EYES = ((98, 118, 136), (100, 112, 84), (116, 126, 132), (122, 94, 58))


@dataclass(frozen=True)
class Hair:
    """How hair grows. Lengths are in units of the head (about centimetres).

    Attributes:
        colour: Linear RGB.
        grown: 0 is a shaved head; 1 is hair.
        line: How much lower (negative: a fringe) or higher (receding) than usual the hairline runs.
        top: Height of the hair on top of the head.
        side: Thickness at the sides.
        curl: Roughness of the outline.
        fall: How far long hair falls below the ears; 0 for short hair.
        parting: Where the hair parts, from the subject's right (-1) to left (1).
    """

    colour: Colour
    grown: float
    line: float
    top: float
    side: float
    curl: float
    fall: float
    parting: float


@dataclass(frozen=True)
class Subject:
    """One person.

    Attributes:
        name: Unique over all domains.
        identity: Coefficients of the geometry's identity modes.
        skin: Linear RGB.
        redness: How much blood shows in cheeks, nose and lips.
        mottling: Strength of uneven skin tone.
        lips: Linear RGB.
        eyes: Linear RGB of the iris.
        iris: Radius of the iris over that of the eyeball.
        brow_width: Factor on the width of the brows.
        brow_density: Share of the skin that brow hair covers.
        beard: 0 none, .4 stubble, 1 full.
        liner: Darkness of the line of lashes.
        wrinkles: How deep creases show.
        hair: See `Hair`.
        seed: Place in the noise textures.
    """

    name: str
    identity: NDArray[np.float32]
    skin: Colour
    redness: float
    mottling: float
    lips: Colour
    eyes: Colour
    iris: float
    brow_width: float
    brow_density: float
    beard: float
    liner: float
    wrinkles: float
    hair: Hair
    seed: int


def linear(colour: tuple[float, ...] | NDArray[np.floating]) -> Colour:
    """Turn sRGB in 0..255 into linear light in 0..1.

    Args:
        colour: Any shape.
    """
    return ((np.asarray(colour, dtype=np.float32) / 255.0) ** 2.2).astype(np.float32)


def draw_subject(name: str, modes: int, generator: np.random.Generator) -> Subject:
    """Draw a person.

    Args:
        name: What to call the person in the tables.
        modes: How many identity modes the geometry has.
        generator: Source of chance.
    """
    tone = generator.uniform(0, len(_SKINS) - 1)
    low = int(min(tone, len(_SKINS) - 2))
    mixed = np.array(_SKINS[low]) + (tone - low) * (np.array(_SKINS[low + 1]) - np.array(_SKINS[low]))
    skin = _muted(linear(np.clip(mixed + generator.normal(0, 4, 3), 20, 252)))
    long_hair = generator.random() < 0.45
    hair = _draw_hair(tone, long_hair, generator)
    painted = long_hair and generator.random() < 0.45
    rouge = linear(np.array([[178, 40, 60], [196, 84, 92], [150, 46, 50]])[generator.integers(3)])
    natural = skin * np.array([0.80, 0.52, 0.55], dtype=np.float32) + np.array(
        [0.05, 0.0, 0.005], dtype=np.float32
    )
    light_eyes = generator.random() < (0.55 if tone < 3 else 0.08)
    return Subject(
        name=name,
        identity=generator.normal(0, 0.8, modes).astype(np.float32),
        skin=skin,
        redness=generator.uniform(0.1, 0.7),
        mottling=generator.uniform(0.03, 0.12),
        lips=(0.35 * natural + 0.65 * rouge if painted else natural).astype(np.float32),
        eyes=linear(_pick(_LIGHT_EYES if light_eyes else _DARK_EYES, generator)),
        iris=generator.uniform(0.47, 0.53),
        brow_width=generator.uniform(0.75, 1.05) if long_hair else generator.uniform(0.95, 1.45),
        brow_density=generator.uniform(0.65, 1.0),
        beard=0.0 if long_hair or generator.random() < 0.5 else generator.uniform(0.15, 1.0),
        liner=generator.uniform(0.75, 1.0) if painted else generator.uniform(0.35, 0.7),
        wrinkles=generator.uniform(0.35, 1.0),
        hair=hair,
        seed=int(generator.integers(1 << 30)),
    )


def _muted(skin: Colour) -> Colour:
    """Pictures brighten faces, and brightening makes colours stronger; this takes it back beforehand."""
    grey = float(skin @ np.array([0.3, 0.59, 0.11], dtype=np.float32))
    return (grey + 0.8 * (skin - grey)).astype(np.float32)


def _pick(choices: tuple[tuple[int, ...], ...], generator: np.random.Generator) -> NDArray[np.float64]:
    return np.array(choices[generator.integers(len(choices))]) * generator.uniform(0.85, 1.15)


def _draw_hair(tone: float, long_hair: bool, generator: np.random.Generator) -> Hair:
    light = generator.random() < (0.6 if tone < 3 else 0.06)
    curly = generator.random() < (0.12 if tone < 4 else 0.5)
    return Hair(
        colour=linear(_pick(_LIGHT_HAIR if light else _DARK_HAIR, generator)),
        grown=1.0 if long_hair or generator.random() < 0.88 else 0.0,
        line=generator.choice([-2.6, -1.2, 0.0, 0.2, 0.9]) + generator.normal(0, 0.25),
        top=generator.uniform(0.7, 2.3),
        side=generator.uniform(0.9, 1.7) if long_hair else generator.uniform(0.25, 0.9),
        curl=generator.uniform(0.35, 0.6) if curly else generator.uniform(0.04, 0.15),
        fall=generator.uniform(2.0, 14.0) if long_hair else 0.0,
        parting=generator.uniform(-0.8, 0.8),
    )
