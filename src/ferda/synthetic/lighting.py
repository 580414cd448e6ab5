"""Light on skin: sky and ground, a key light with a shadow, a fill light, and what skin does with them.

All colours are linear. Skin lets light through: red travels farthest, so the edge of a shadow is warm; this
is wrapped diffuse light with one width per colour, which is cheap and reads as skin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.raster import rasterise

#: How far light wraps around the edge of a shadow on skin, for red, green, blue.
_SKIN_WRAP = np.array([0.42, 0.20, 0.13], dtype=np.float32)
_SHADOW_SIZE = 176


@dataclass(frozen=True)
class Light:
    """The lights of one picture; directions point towards the light, in the camera's axes.

    Attributes:
        key_direction: (3,) main light.
        key: (3,) its colour and strength.
        fill_direction: (3,) light without a shadow.
        fill: (3,) its colour and strength.
        sky: (3,) light from above, from everywhere.
        ground: (3,) light from below.
        shadow: 0 none to 1 black shadows of the key light.
        softness: Width of the edge of a shadow, in units of the head.
    """

    key_direction: NDArray[np.float32]
    key: NDArray[np.float32]
    fill_direction: NDArray[np.float32]
    fill: NDArray[np.float32]
    sky: NDArray[np.float32]
    ground: NDArray[np.float32]
    shadow: float
    softness: float


@dataclass
class Surface:
    """What the visible pixels are made of, one row per pixel.

    Attributes:
        position: (M, 3) in the camera's axes.
        normal: (M, 3) unit normals.
        albedo: (M, 3) linear colour.
        gloss: (M,) strength of the highlight.
        sharpness: (M,) its exponent.
        skin: (M,) share of skin, which lets light through.
        strand: (M, 3) direction of hair, zero where there is none.
        open: (M,) 1 in the open, less in cavities.
    """

    position: NDArray[np.float32]
    normal: NDArray[np.float32]
    albedo: NDArray[np.float32]
    gloss: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    skin: NDArray[np.float32]
    strand: NDArray[np.float32]
    open: NDArray[np.float32]

    def take(self, rows: NDArray[np.int64]) -> Surface:
        """Copy some of the pixels.

        Args:
            rows: Which.
        """
        return Surface(**{name: values[rows] for name, values in vars(self).items()})

    def put(self, rows: NDArray[np.int64], piece: Surface) -> None:
        """Write back what `take` gave.

        Args:
            rows: Which.
            piece: Their new values.
        """
        for name, values in vars(self).items():
            values[rows] = getattr(piece, name)


def shade(surface: Surface, light: Light, lit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the linear colour (M, 3) of every pixel.

    Args:
        surface: What is seen.
        light: What it is lit by.
        lit: (M,) share of the key light that arrives, from `shadow_share`.
    """
    normal, opened = surface.normal, surface.open[:, None]
    up = 0.5 + 0.5 * normal[:, 1:2]
    total = (light.ground + (light.sky - light.ground) * up) * opened
    wrap = surface.skin[:, None] * _SKIN_WRAP + (1 - surface.skin[:, None]) * 0.08
    soft = np.sqrt(opened)
    for direction, colour, share in (
        (light.key_direction, light.key, lit[:, None]),
        (light.fill_direction, light.fill, np.float32(1.0)),
    ):
        cosine = (normal @ direction)[:, None]
        total = total + soft * share * colour * np.clip((cosine + wrap) / (1 + wrap), 0, None)
    colour = surface.albedo * total
    colour += _highlight(surface, light.key_direction, light.key) * (lit * surface.open)[:, None]
    colour += _highlight(surface, light.fill_direction, light.fill) * surface.open[:, None]
    edge = np.clip(1 - normal[:, 2], 0, 1) ** 4 * surface.skin * surface.open
    colour += 0.10 * edge[:, None] * (light.sky + 0.3 * light.fill)
    return colour.astype(np.float32)


def _highlight(
    surface: Surface, direction: NDArray[np.float32], colour: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Blinn's highlight on smooth things, Kajiya's along hair."""
    half = direction + np.array([0.0, 0.0, 1.0], dtype=np.float32)
    half = (half / np.linalg.norm(half)).astype(np.float32)
    facing = np.clip(surface.normal @ half, 0, 1)
    along = surface.strand @ half
    hairy = np.abs(surface.strand).max(1) > 0
    cosine = np.where(hairy, np.sqrt(np.clip(1 - along**2, 0, 1)) * np.clip(facing * 1.5, 0, 1), facing)
    strength = surface.gloss * cosine**surface.sharpness * (surface.normal @ direction > 0)
    return (strength[:, None] * colour).astype(np.float32)


def shadow_share(
    vertices: NDArray[np.float32],
    triangles: NDArray[np.int64],
    two_sided: NDArray[np.bool_],
    surface_position: NDArray[np.float32],
    light: Light,
) -> NDArray[np.float32]:
    """Share of the key light (M,) that reaches each visible position, by a depth map seen from the light.

    Args:
        vertices: (V, 3) in the camera's axes.
        triangles: (T, 3) corners.
        two_sided: (T,) triangles without an inside.
        surface_position: (M, 3) what the camera sees.
        light: Its key direction, shadow and softness are used.
    """
    if light.shadow <= 0:
        return np.ones(len(surface_position), dtype=np.float32)
    axes = _axes(light.key_direction)
    seen = vertices @ axes.T
    low = seen[:, :2].min(0)
    scale = (_SHADOW_SIZE - 2) / float((seen[:, :2].max(0) - low).max())
    screen = (seen[:, :2] - low) * scale + 1
    screen[:, 1] = _SHADOW_SIZE - screen[:, 1]
    size = _SHADOW_SIZE
    found = rasterise(screen, -seen[:, 2], triangles, width=size, height=size, two_sided=two_sided)
    depth = np.full(size * size, 1e9, dtype=np.float32)
    depth[found.pixel] = found.depth
    at = surface_position @ axes.T
    lit = np.zeros(len(at), dtype=np.float32)
    spread = light.softness * scale
    taps = [
        (0.0, 0.0),
        (1, 0.3),
        (-0.3, 1),
        (-1, -0.3),
        (0.3, -1),
        (0.6, 0.75),
        (-0.75, 0.6),
        (-0.6, -0.75),
        (0.75, -0.6),
    ]
    for dx, dy in taps:
        x = ((at[:, 0] - low[0]) * scale + 1 + dx * spread).astype(np.int64).clip(0, size - 1)
        y = (size - (at[:, 1] - low[1]) * scale - 1 + dy * spread).astype(np.int64).clip(0, size - 1)
        lit += -at[:, 2] < depth[y * size + x] + 0.30 + 0.35 * light.softness
    return (1 - light.shadow * (1 - lit / len(taps))).astype(np.float32)


def _axes(direction: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows: right, up, towards the light."""
    right = np.cross(np.array([0.0, 1.0, 0.0]) + 1e-3, direction)
    right /= np.linalg.norm(right)
    return np.stack([right, np.cross(direction, right), direction]).astype(np.float32)
