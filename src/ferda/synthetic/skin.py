"""The colour of everything on the mesh: skin, lips, brows, beard, eyes, teeth, hair and clothes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.hair import growth, strands
from ferda.synthetic.lighting import Surface
from ferda.synthetic.noise import noise
from ferda.synthetic.paint import PaintMaps
from ferda.synthetic.subjects import Subject, linear

#: Crease -> the shapes that deepen it.
_CREASES: dict[str, tuple[tuple[str, float], ...]] = {
    "forehead": (("browInnerUp", 0.45), ("browOuterUp", 0.45)),
    "frown": (("browDown", 0.7), ("browInnerUp", 0.1)),
    "cheeks": (("mouthSmile", 0.6), ("noseSneer", 0.5), ("mouthUpperUp", 0.3), ("mouthFrown", 0.15)),
    "crow": (("cheekSquint", 0.6), ("eyeSquint", 0.3)),
    "bridge": (("noseSneer", 0.6),),
    "chin": (("mouthShrugLower", 0.5), ("mouthFrown", 0.3)),
}
_BLOOD = np.array([0.06, -0.035, -0.03], dtype=np.float32)


def blend(
    below: NDArray[np.float32], above: NDArray[np.float32], share: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Lay one colour over another.

    Args:
        below: (M, 3).
        above: (M, 3) or (3,).
        share: (M,) how much of `above` shows.
    """
    return below + (above - below) * share[:, None]


def paint_head(
    surface: Surface, rest: NDArray[np.float32], maps: PaintMaps, subject: Subject, weights: dict[str, float]
) -> None:
    """Colour pixels of skin and hair in place.

    Args:
        surface: The visible pixels of the head.
        rest: (M, 3) the same pixels on the head at rest.
        maps: Where things are painted.
        subject: Whose face.
        weights: Blend shape weights of the expression, which deepen creases.
    """
    cell = maps.cells(rest)
    on_front = (rest[:, 2] > 4.0).astype(np.float32)
    look = {name: values.reshape(-1)[cell] for name, values in maps.maps.items()}
    x, y, z = rest[:, 0], rest[:, 1], rest[:, 2]
    clouds = noise(x * 13 + z * 5, y * 13 + z * 3, seed=subject.seed, exponent=1.1)
    pores = noise(x * 31 + z * 17, y * 31, seed=subject.seed + 5, exponent=0.2)
    albedo = (
        np.broadcast_to(subject.skin, rest.shape) * (1 + subject.mottling * clouds + 0.025 * pores)[:, None]
    )
    blood = subject.redness * (0.8 * look["blush"] + 0.5 * look["nose"]) * on_front
    albedo = albedo + blood[:, None] * _BLOOD * (0.4 + subject.skin[0])
    albedo *= 1 - (subject.wrinkles * on_front * _crease_depth(look, weights))[:, None] * [0.5, 0.6, 0.6]
    albedo *= 1 - (0.32 * look["lid"] * on_front)[:, None]
    facing_down = np.clip(0.55 - surface.normal[:, 1], 0, 1)
    albedo *= 1 - (0.75 * look["nostrils"] * facing_down * on_front)[:, None]
    lips = look["lips"] * on_front
    albedo = blend(albedo, subject.lips * (1 + 0.06 * clouds)[:, None], lips * 0.92)
    albedo = _draw_hairs(albedo, look, rest, subject, on_front)
    inside = np.clip((9.9 - z) / 0.6, 0, 1) * (np.abs(x) < 2.6) * (y < -2.0) * (y > -5.0) * (z > 2)
    surface.albedo[:] = blend(
        albedo, np.array([0.06, 0.015, 0.015], dtype=np.float32), inside.astype(np.float32)
    )
    oily = 0.6 + 0.4 * look["nose"] + 0.25 * np.exp(-((x / 2.5) ** 2 + ((y - 8) / 2) ** 2))
    surface.gloss[:] = 0.085 * oily * (1 - 0.6 * inside) + 0.14 * lips
    surface.sharpness[:] = 14 + 22 * lips
    surface.skin[:] = 1.0
    _paint_scalp(surface, rest, subject)


def _crease_depth(look: dict[str, NDArray[np.float32]], weights: dict[str, float]) -> NDArray[np.float32]:
    depth = np.zeros_like(look["lips"])
    for name, causes in _CREASES.items():
        active = sum(
            factor * 0.5 * (weights.get(f"{shape}_L", 0.0) + weights.get(f"{shape}_R", 0.0))
            + factor * weights.get(shape, 0.0)
            for shape, factor in causes
        )
        depth += min(max(active, 0.0) + 0.04, 0.9) * look[name]
    return depth.clip(0, 1)


def _draw_hairs(
    albedo: NDArray[np.float32],
    look: dict[str, NDArray[np.float32]],
    rest: NDArray[np.float32],
    subject: Subject,
    on_front: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Brows with strands that lie down towards the temples, lashes, beard."""
    x, y = np.abs(rest[:, 0]), rest[:, 1]
    lean = np.clip(look["brow_along"] * 2.2, 0.25, 1.3)
    strand = noise((y * np.cos(lean) - x * np.sin(lean)) * 20, (x * np.cos(lean) + y * np.sin(lean)) * 4,
                   seed=subject.seed + 9, exponent=0.5)  # fmt: skip
    across = look["brow_across"] / subject.brow_width
    brow = np.clip((1.12 - across + 0.30 * strand) / 0.55, 0, 1) * (0.72 + 0.18 * strand).clip(0.3, 1)
    dark = subject.hair.colour * 0.55 + 0.004
    albedo = blend(albedo, dark, (brow * subject.brow_density * on_front).clip(0, 0.97))
    lash = np.exp(-((look["lash"] / 0.17) ** 2)) * subject.liner
    lash += np.exp(-((look["lower_lash"] / 0.10) ** 2)) * subject.liner * 0.35
    albedo = blend(albedo, np.array([0.012, 0.009, 0.008], dtype=np.float32), (lash * on_front).clip(0, 0.95))
    if subject.beard > 0:
        grain = noise(
            rest[:, 0] * 30, rest[:, 1] * 17 + rest[:, 2] * 17, seed=subject.seed + 3, exponent=0.35
        )
        full = max(subject.beard - 0.45, 0.0) / 0.55
        cover = (
            look["beard"]
            * (0.34 * min(subject.beard / 0.4, 1) + 0.5 * full)
            * (1 + (0.35 - 0.15 * full) * grain)
        )
        front = np.clip((rest[:, 2] - 1.5) / 2.0, 0, 1) * np.clip((rest[:, 1] + 9.5) / 1.5, 0, 1)
        albedo = blend(
            albedo, subject.hair.colour * 0.8 + 0.003, (cover * front).clip(0, 0.94).astype(np.float32)
        )
    return albedo


def _paint_scalp(surface: Surface, rest: NDArray[np.float32], subject: Subject) -> None:
    hair = subject.hair
    above = growth(rest, hair)
    bright, flow = strands(rest, hair, seed=subject.seed)
    cover = np.clip((above + 0.22 * bright) / 0.55 + 0.3, 0, 1)
    if hair.grown <= 0:
        cover = np.clip((above + 0.1 * bright) / 1.5, 0, 1) * 0.45
    colour = _hair_colour(subject, bright)
    surface.albedo[:] = blend(surface.albedo, colour, cover.astype(np.float32))
    thick = (cover > 0.6) & (hair.grown > 0)
    surface.gloss[thick] = (0.10 + 0.05 * bright[thick]).clip(0.02, 0.3)
    surface.sharpness[thick] = 26.0
    surface.skin[thick] = 0.0
    surface.strand[thick] = flow[thick]
    surface.open[thick] *= (0.90 + 0.10 * bright[thick]).clip(0.55, 1.1)


def dress(surface: Surface, rest: NDArray[np.float32], subject: Subject) -> None:
    """Lay clothes below a round collar over pixels of the head, in place.

    Args:
        surface: The visible pixels of the head.
        rest: (M, 3) the same pixels on the head at rest.
        subject: Whose clothes.
    """
    generator = np.random.default_rng([subject.seed, 53])
    colour = linear(generator.uniform(20, 230, 3) * 0.6 + generator.uniform(10, 90))
    collar = -11.3 + generator.normal(0, 0.6) - 0.34 * rest[:, 2] + 0.12 * np.abs(rest[:, 0])
    below = np.clip((collar - rest[:, 1]) / 0.15, 0, 1).astype(np.float32)
    weave = 1 + 0.10 * noise(
        rest[:, 0] * 12, rest[:, 1] * 12 + rest[:, 2] * 12, seed=subject.seed, exponent=0.6
    )
    seam = 1 - 0.4 * np.exp(-(((collar - rest[:, 1] - 0.6) / 0.12) ** 2))
    surface.albedo += (colour * (weave * seam)[:, None] - surface.albedo) * below[:, None]
    surface.gloss *= 1 - below
    surface.skin *= 1 - below


def paint_curtain(surface: Surface, rest: NDArray[np.float32], subject: Subject) -> None:
    """Colour pixels of hanging hair in place.

    Args:
        surface: The visible pixels of the hair.
        rest: (M, 3) where they are in the axes of the head.
        subject: Whose hair.
    """
    bright, flow = strands(rest, subject.hair, seed=subject.seed)
    surface.albedo[:] = _hair_colour(subject, bright)
    surface.gloss[:] = (0.10 + 0.05 * bright).clip(0.02, 0.3)
    surface.sharpness[:] = 26.0
    surface.strand[:] = flow
    surface.open *= (0.85 + 0.12 * bright).clip(0.45, 1.0)


def _hair_colour(subject: Subject, bright: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear colour (M, 3) of hair whose strands are that bright (M,)."""
    return (subject.hair.colour * np.exp(0.38 * bright)[:, None] + 0.003).astype(np.float32)
