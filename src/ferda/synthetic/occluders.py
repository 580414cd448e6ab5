"""Things between a face and the camera: glasses, a hand, loose strands of hair.

Glasses stand at points of the head in three dimensions and turn with it; hands and strands are drawn in the
picture, near a place on the face.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ferda.synthetic.camera import Camera
from ferda.synthetic.shot import Occluder
from ferda.synthetic.subjects import Subject, linear

_FRACTION = 4
_ONE = 1 << _FRACTION


def draw_occluder(
    picture: NDArray[np.float32],
    occluder: Occluder,
    subject: Subject,
    camera: Camera,
    points: NDArray[np.float32],
) -> None:
    """Draw over the linear picture (S, S, 3) in place.

    Args:
        picture: What is drawn on.
        occluder: What to draw.
        subject: Whose skin and hair.
        camera: Pose and framing of the head.
        points: (68, 3) landmarks of this face in the axes of the head.
    """
    generator = np.random.default_rng([occluder.seed, 37])
    if occluder.kind in ("glasses", "sunglasses"):
        _glasses(picture, points, camera, generator, dark=occluder.kind == "sunglasses")
        return
    brightness = float(np.clip(picture.mean() * 1.6, 0.15, 1.2))
    size = len(picture)
    flat = camera.project(camera.place(points), size)
    if occluder.kind == "hand":
        _hand(picture, flat, subject, brightness, generator)
    elif occluder.kind == "strands":
        _strands(picture, flat, subject, brightness, generator)
    else:
        raise ValueError(f"an occluder is glasses, sunglasses, hand or strands, not {occluder.kind!r}")


def _glasses(
    picture: NDArray[np.float32],
    points: NDArray[np.float32],
    camera: Camera,
    generator: np.random.Generator,
    *,
    dark: bool,
) -> None:
    size = len(picture)
    eyes = np.stack([points[36:42].mean(0), points[42:48].mean(0)])
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    plane = points[27, 2] + 0.02 * apart
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    square = generator.uniform(2.0, 5.0)
    wide, high = apart * generator.uniform(0.36, 0.43), apart * generator.uniform(0.26, 0.36)
    outline = np.stack(
        [wide * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / square),
         high * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / square)], axis=1)  # fmt: skip
    colour = tuple(
        float(c)
        for c in linear(np.array([[18, 18, 20], [70, 45, 28], [130, 120, 110]])[generator.integers(3)])
    )
    thick = max(1, round(size * camera.fill * generator.uniform(0.008, 0.022)))
    rims = []
    for side, eye in zip((-1, 1), eyes, strict=True):
        curved = plane - 0.16 * np.abs(outline[:, 0] * side + 0.5 * apart) ** 2 / apart
        rim = np.stack(
            [eye[0] + side * 0.02 * apart + outline[:, 0], eye[1] - 0.05 * apart + outline[:, 1], curved], 1
        )
        rims.append(camera.project(camera.place(rim.astype(np.float32)), size))
    lens = np.zeros((size, size), dtype=np.float32)
    for rim in rims:
        cv2.fillPoly(lens, [_fixed(rim)], 1.0, cv2.LINE_AA, _FRACTION)
    glare = np.clip(np.linspace(1, -0.5, size), 0, 1)[:, None] * generator.uniform(0.0, 0.12)
    picture *= 1 - lens[..., None] * (generator.uniform(0.86, 0.96) if dark else 0.06)
    picture += (lens * glare)[..., None]
    ears = np.stack([points[0], points[16]]) + np.array([[0, 0.10 * apart, -0.3 * apart]], dtype=np.float32)
    temples = camera.project(camera.place(ears.astype(np.float32)), size)
    half = len(turn) // 2
    for side, rim in enumerate(rims):
        cv2.polylines(picture, [_fixed(rim)], True, colour, thick, cv2.LINE_AA, _FRACTION)
        hinge = rim[half if side == 0 else 0]
        outward = (temples[side, 0] - hinge[0]) * (-1 if side == 0 else 1)
        if outward > 0:
            cv2.polylines(
                picture,
                [_fixed(np.stack([hinge, temples[side]]))],
                False,
                colour,
                thick,
                cv2.LINE_AA,
                _FRACTION,
            )
    inner = [rims[0][0], rims[1][half]]
    cv2.polylines(picture, [_fixed(np.stack(inner))], False, colour, thick, cv2.LINE_AA, _FRACTION)


def _hand(
    picture: NDArray[np.float32],
    flat: NDArray[np.float32],
    subject: Subject,
    brightness: float,
    generator: np.random.Generator,
) -> None:
    """Three or four fingers that come in from below or from a side and touch cheek, chin or temple."""
    eyes = float(np.linalg.norm(flat[42:48].mean(0) - flat[36:42].mean(0)))
    touch = flat[generator.choice([2, 4, 6, 8, 10, 12, 14])] + generator.normal(0, 0.12 * eyes, 2)
    away = touch - flat[27:36].mean(0) + (0, 0.5 * eyes)
    away /= np.linalg.norm(away) + 1e-6
    across = np.array([-away[1], away[0]])
    width = 0.26 * eyes
    for finger in range(int(generator.integers(3, 5))):
        tip = touch + across * width * 1.05 * (finger - 1.5) - away * eyes * generator.uniform(0.1, 0.5)
        root = tip + away * 2.5 * eyes + across * generator.normal(0, 0.1 * eyes)
        for share, shade in ((1.0, 0.55), (0.84, 0.8), (0.55, 1.0)):
            colour = tuple(float(c) for c in subject.skin * brightness * shade)
            finger_line, thick = _fixed(np.stack([tip, root])), max(1, round(width * share))
            cv2.polylines(picture, [finger_line], False, colour, thick, cv2.LINE_AA, _FRACTION)


def _strands(
    picture: NDArray[np.float32],
    flat: NDArray[np.float32],
    subject: Subject,
    brightness: float,
    generator: np.random.Generator,
) -> None:
    eyes = float(np.linalg.norm(flat[42:48].mean(0) - flat[36:42].mean(0)))
    top = flat[17:27].mean(0) - (0, 0.9 * eyes)
    start = top + np.array([generator.uniform(-0.8, 0.8) * eyes, 0.0])
    fall = np.array([generator.uniform(-0.5, 0.5), generator.uniform(1.0, 2.2)]) * eyes
    part = np.linspace(0, 1, 14)[:, None]
    for _ in range(int(generator.integers(6, 18))):
        bow = generator.normal(0, 0.2, 2) * eyes
        line = start + generator.normal(0, 0.10, 2) * eyes + fall * part + bow * part * (1 - part) * 2
        colour = tuple(float(c) for c in subject.hair.colour * brightness * generator.uniform(0.5, 1.6))
        thick = max(1, round(eyes * generator.uniform(0.015, 0.05)))
        cv2.polylines(picture, [_fixed(line)], False, colour, thick, cv2.LINE_AA, _FRACTION)


def _fixed(points: NDArray[np.floating]) -> NDArray[np.int32]:
    """Positions in the fixed-point form of OpenCV's drawing."""
    return np.round((points - 0.5) * _ONE).astype(np.int32)
