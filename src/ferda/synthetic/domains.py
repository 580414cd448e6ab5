"""Domains: named sets of ranges from which the pictures of one place are drawn.

`studio` is where a newcomer's labels come from: even light, near frontal, a plain wall. `street` shows other
people, seen from the side of the way, in hard light, before clutter. `cctv` is grey, coarse and noisy.
How pictures are drawn from the ranges stands in `draws`.
"""

from __future__ import annotations

from dataclasses import dataclass

from ferda.errors import UserError, nearest
from ferda.expressions import BASIC

Range = tuple[float, float]
#: Class mixes: equal shares, or as unequal as faces met by chance.
CLASS_MIXES: dict[str, dict[str, float]] = {
    "balanced": dict.fromkeys(BASIC, 1.0),
    "long_tailed": {
        "neutral": 0.34,
        "happiness": 0.27,
        "sadness": 0.12,
        "surprise": 0.10,
        "anger": 0.08,
        "fear": 0.05,
        "disgust": 0.04,
    },
}


@dataclass(frozen=True)
class DomainStyle:
    """Ranges of one domain. Angles are standard deviations in degrees; pairs are uniform ranges.

    Attributes:
        name: Of the domain; identities of differently named domains never coincide.
        yaw: Deviation of the turn of the head.
        pitch: Deviation of the nod.
        roll: Deviation of the tilt.
        look_down: Mean pitch in degrees; negative when the camera hangs above.
        look_aside: Mean turn of the head in degrees, to either side: the camera stands beside the way.
        fill: Height of the face over that of the picture.
        shift: Deviation of the face from the middle, as a share of the picture.
        intensity: Strength of expressions.
        sky: Strength of the light from everywhere.
        key: Strength of the main light.
        side: How far the main light comes from the side, in degrees.
        height: Its height above the horizon, in degrees.
        fill_light: Strength of the light opposite of it.
        shadow: Darkness of shadows.
        softness: Width of the edge of shadows.
        warmth: Deviation of the colour of light.
        exposure: Brightness of faces.
        clutter: Of the background.
        background_blur: As a share of the picture.
        background_light: Brightness of the background.
        occluders: Kind -> probability.
        grey: Share of pictures without colour.
        resolution: Pixels of the sensor over the face picture; (0, 0) for the full size.
        blur: Deviation of blur in pixels.
        motion: Length of motion blur in pixels.
        contrast: Factor.
        noise: Deviation of noise, of 255.
        jpeg: Quality; (0, 0) for none.
        class_mix: Key of `CLASS_MIXES`.
        pictures_each: About how many pictures there are of one person.
    """

    name: str
    yaw: float = 6.0
    pitch: float = 4.0
    roll: float = 3.0
    look_down: float = 0.0
    look_aside: float = 0.0
    fill: Range = (0.66, 0.76)
    shift: float = 0.015
    intensity: Range = (0.6, 1.05)
    sky: Range = (0.35, 0.5)
    key: Range = (0.6, 1.1)
    side: Range = (-35.0, 35.0)
    height: Range = (15.0, 45.0)
    fill_light: Range = (0.3, 0.6)
    shadow: Range = (0.2, 0.45)
    softness: Range = (0.8, 1.4)
    warmth: float = 0.02
    exposure: Range = (0.56, 0.69)
    clutter: Range = (0.0, 0.0)
    background_blur: Range = (0.02, 0.05)
    background_light: Range = (0.8, 1.2)
    occluders: tuple[tuple[str, float], ...] = (("glasses", 0.06),)
    grey: float = 0.0
    resolution: tuple[int, int] = (0, 0)
    blur: Range = (0.0, 0.3)
    motion: Range = (0.0, 0.0)
    contrast: Range = (0.97, 1.05)
    noise: Range = (0.5, 1.5)
    jpeg: tuple[int, int] = (0, 0)
    class_mix: str = "balanced"
    pictures_each: int = 8


STUDIO = DomainStyle("studio")
STREET = DomainStyle(
    "street",
    yaw=9.0,
    pitch=8.0,
    roll=8.0,
    look_down=-6.0,
    look_aside=22.0,
    fill=(0.58, 0.76),
    shift=0.03,
    intensity=(0.52, 0.98),
    sky=(0.15, 0.3),
    key=(3.0, 6.0),
    side=(-85.0, 85.0),
    height=(5.0, 65.0),
    fill_light=(0.0, 0.15),
    shadow=(0.75, 0.95),
    softness=(0.15, 0.5),
    warmth=0.13,
    exposure=(0.33, 0.62),
    clutter=(0.6, 1.0),
    background_blur=(0.006, 0.03),
    background_light=(0.5, 1.4),
    occluders=(("glasses", 0.14), ("sunglasses", 0.02), ("hand", 0.05), ("strands", 0.10)),
    blur=(0.0, 0.6),
    contrast=(0.9, 1.1),
    noise=(1.0, 3.0),
    jpeg=(60, 92),
)
CCTV = DomainStyle(
    "cctv",
    yaw=13.0,
    pitch=6.0,
    roll=4.0,
    look_down=-7.0,
    fill=(0.58, 0.80),
    shift=0.05,
    key=(0.6, 1.6),
    side=(-60.0, 60.0),
    height=(35.0, 75.0),
    fill_light=(0.05, 0.3),
    shadow=(0.4, 0.8),
    softness=(0.4, 1.0),
    exposure=(0.44, 0.64),
    clutter=(0.2, 0.7),
    background_blur=(0.004, 0.02),
    background_light=(0.4, 1.0),
    occluders=(("glasses", 0.12),),
    grey=1.0,
    resolution=(52, 76),
    blur=(0.0, 0.6),
    motion=(0.0, 2.0),
    contrast=(0.72, 1.0),
    noise=(2.0, 5.5),
    jpeg=(55, 80),
    class_mix="long_tailed",
)
DOMAINS: dict[str, DomainStyle] = {style.name: style for style in (STUDIO, STREET, CCTV)}


def domain_style(name: str) -> DomainStyle:
    """Return the ranges of a named domain.

    Args:
        name: `studio`, `street` or `cctv`.

    Raises:
        UserError: For any other name.
    """
    if name not in DOMAINS:
        raise UserError(
            f"'{name}' is not a synthetic domain{nearest(name, DOMAINS)}. Known: {', '.join(DOMAINS)}."
        )
    return DOMAINS[name]
