"""Draw one person in one shot: the mesh is moved, seen, coloured, lit, and laid over its background.

Everything is computed per visible pixel of a picture three times as wide as asked for, which is then reduced
by averaging. A 112 pixel picture takes about a tenth of a second on one core.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.background import draw_background
from ferda.synthetic.camera import face_box, five_points
from ferda.synthetic.degrade import degrade
from ferda.synthetic.eyes import gaze_direction, paint_eyes, paint_mouth
from ferda.synthetic.geometry import FaceGeometry
from ferda.synthetic.hair import curtain, swell
from ferda.synthetic.lighting import Surface, shade, shadow_share
from ferda.synthetic.occluders import draw_occluder
from ferda.synthetic.paint import paint_maps
from ferda.synthetic.raster import Visible, rasterise
from ferda.synthetic.shot import Shot
from ferda.synthetic.skin import dress, paint_curtain, paint_head
from ferda.synthetic.subjects import Subject

_HEAD, _EYES, _TEETH, _MOUTH, _CURTAIN = range(5)
_PARTS = {
    "M_Face": _HEAD,
    "M_BackHead": _HEAD,
    "M_ScleraLeft": _EYES,
    "M_ScleraRight": _EYES,
    "M_Teeth": _TEETH,
    "M_GumsTongue": _MOUTH,
}


@dataclass(frozen=True)
class Rendered:
    """A picture and what is true about it.

    Attributes:
        image: (S, S, 3) uint8 RGB.
        points68: (68, 2) float32 pixels.
        points: (5, 2) float32 pixels, order of `ferda.landmarks.FIVE_POINTS`.
        box: x, y, width, height of the face in pixels; it may reach beyond the picture.
    """

    image: NDArray[np.uint8]
    points68: NDArray[np.float32]
    points: NDArray[np.float32]
    box: tuple[float, float, float, float]


class FaceRenderer:
    """Draws faces of one geometry. Equal arguments give equal pixels."""

    def __init__(self, geometry: FaceGeometry, *, size: int = 112, supersample: int = 3) -> None:
        """Prepare what all pictures share.

        Args:
            geometry: The head.
            size: Width and height of the pictures.
            supersample: How many times wider the picture is before it is reduced.
        """
        self.geometry = geometry
        self.size = size
        self.supersample = supersample
        self.maps = paint_maps(geometry)
        part = np.array([_PARTS.get(name, -1) for name in geometry.material_names])[geometry.material]
        self.triangles = geometry.triangles[part >= 0]
        self.part = part[part >= 0]
        self.rest_normals = vertex_normals(geometry.neutral, self.triangles)

    def render(self, subject: Subject, shot: Shot) -> Rendered:
        """Draw a picture.

        Args:
            subject: Who.
            shot: How.
        """
        wide = self.size * self.supersample
        deformed = self.geometry.deform(subject.identity, shot.weights)
        points = deformed[self.geometry.landmark68]
        picture = draw_background(shot.background, wide)
        pixel, colour = self._draw_head(deformed, subject, shot, wide)
        picture.reshape(-1, 3)[pixel] = colour
        for occluder in shot.occluders:
            draw_occluder(picture, occluder, subject, shot.camera, points)
        display = (_tone(picture) * 255).astype(np.float32)
        small = cv2.resize(display, (self.size, self.size), interpolation=cv2.INTER_AREA)
        image = degrade(np.clip(np.round(small), 0, 255).astype(np.uint8), shot.degradation)
        points68 = shot.camera.project(shot.camera.place(points), self.size)
        return Rendered(image, points68, five_points(points68), face_box(points68))

    def _draw_head(
        self, deformed: NDArray[np.float32], subject: Subject, shot: Shot, wide: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Flat pixels covered by the head, and their linear colour."""
        rest, triangles, part = self.geometry.neutral, self.triangles, self.part
        vertices = deformed + swell(rest, self.rest_normals, subject.hair, seed=subject.seed)
        if subject.hair.grown > 0 and subject.hair.fall > 0:
            falling, sheet = curtain(subject.hair, seed=subject.seed)
            triangles = np.concatenate([triangles, sheet + len(rest)])
            part = np.concatenate([part, np.full(len(sheet), _CURTAIN)])
            vertices, rest = np.concatenate([vertices, falling]), np.concatenate([rest, falling])
        placed = shot.camera.place(vertices)
        screen, two_sided = shot.camera.project(placed, wide), part == _CURTAIN
        found = rasterise(screen, -placed[:, 2], triangles, width=wide, height=wide, two_sided=two_sided)
        values = np.concatenate([rest, vertex_normals(placed, triangles), placed], axis=1)
        seen = found.blend(triangles, values)
        opened = _openness(found, wide, unit=wide * shot.camera.fill / 18.0)
        surface, rest_seen = _surface(seen, opened)
        kind = part[found.triangle]
        self._paint(surface, rest_seen, kind, subject, shot)
        lit = shadow_share(placed, triangles, two_sided, surface.position, shot.light)
        colour = shade(surface, shot.light, lit)
        face = (kind == _HEAD) & (surface.skin > 0.5)
        mean = (
            float((colour[face] @ np.array([0.3, 0.59, 0.11], dtype=np.float32)).mean())
            if face.any()
            else 0.2
        )
        tone = float(subject.skin @ np.array([0.3, 0.59, 0.11], dtype=np.float32))
        aim = shot.exposure**2.2 * (0.27 + 0.73 * min(tone / 0.35, 1.3))
        return found.pixel, (colour * (aim / max(mean, 1e-4))).astype(np.float32)

    def _paint(
        self,
        surface: Surface,
        rest: NDArray[np.float32],
        kind: NDArray[np.int64],
        subject: Subject,
        shot: Shot,
    ) -> None:
        """Colour the visible pixels, one material after the other."""
        for code in range(5):
            chosen = np.flatnonzero(kind == code)
            if not len(chosen):
                continue
            piece, where = surface.take(chosen), rest[chosen]
            if code == _HEAD:
                paint_head(piece, where, self.maps, subject, shot.weights)
                dress(piece, where, subject)
            elif code == _EYES:
                paint_eyes(piece, where, self.maps, subject, gaze_direction(*shot.gaze))
            elif code == _CURTAIN:
                paint_curtain(piece, where, subject)
            else:
                paint_mouth(piece, where, teeth=code == _TEETH)
            surface.put(chosen, piece)


def vertex_normals(vertices: NDArray[np.float32], triangles: NDArray[np.int64]) -> NDArray[np.float32]:
    """Smooth unit normals (V, 3), weighted by area.

    Args:
        vertices: (V, 3) positions.
        triangles: (T, 3) corners, counter-clockwise from outside.
    """
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    face = np.cross(b - a, c - a)
    corners = triangles.T.reshape(-1)
    summed = np.stack(
        [np.bincount(corners, np.tile(face[:, axis], 3), minlength=len(vertices)) for axis in range(3)],
        axis=1,
    )
    return (summed / (np.linalg.norm(summed, axis=1, keepdims=True) + 1e-12)).astype(np.float32)


def _surface(seen: NDArray[np.float32], opened: NDArray[np.float32]) -> tuple[Surface, NDArray[np.float32]]:
    """Split interpolated values into a blank surface and the positions at rest."""
    normal = seen[:, 3:6]
    normal = normal * np.where(normal[:, 2:3] < -0.35, -1, 1)
    normal = normal / (np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9)
    count = len(seen)
    blank = [np.zeros(count, dtype=np.float32) for _ in range(3)]
    surface = Surface(
        position=seen[:, 6:9],
        normal=normal.astype(np.float32),
        albedo=np.zeros((count, 3), dtype=np.float32),
        gloss=blank[0],
        sharpness=blank[1] + 1,
        skin=blank[2],
        strand=np.zeros((count, 3), dtype=np.float32),
        open=opened,
    )
    return surface, seen[:, :3]


def _openness(found: Visible, wide: int, *, unit: float) -> NDArray[np.float32]:
    """How open to the sky each visible pixel is, by comparing its depth with that of its surroundings.

    What lies far behind (an ear behind a cheek) is another thing, not a cavity: there the darkening fades.
    """
    mask = np.zeros(wide * wide, dtype=np.float32)
    depth = np.zeros(wide * wide, dtype=np.float32)
    mask[found.pixel] = 1
    depth[found.pixel] = found.depth - found.depth.mean() if len(found.depth) else 0
    opened = np.ones(len(found.pixel), dtype=np.float32)
    for reach, depth_range, strength in ((0.35, 0.45, 0.35), (1.2, 1.6, 0.45)):
        factor = max(1, round(unit * reach / 3))
        small = (-(-wide // factor),) * 2
        flat = [cv2.resize(v.reshape(wide, wide), small, interpolation=cv2.INTER_AREA) for v in (depth, mask)]
        near, share = (cv2.GaussianBlur(v, (0, 0), unit * reach / factor) for v in flat)
        mean = cv2.resize(near / np.maximum(share, 1e-3), (wide, wide)).reshape(-1)[found.pixel]
        behind = np.clip((depth[found.pixel] - mean) / depth_range, 0, None)
        opened -= strength * behind * np.exp(1 - behind)
    return opened


def _tone(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Linear light to display values in 0..1, with a soft shoulder so that highlights do not clip."""
    knee = 0.72
    over = np.clip(light - knee, 0, None)
    soft = np.where(light > knee, knee + (1 - knee) * (1 - np.exp(-over / (1 - knee))), light)
    return (np.clip(soft, 0, 1) ** (1 / 2.2)).astype(np.float32)
