"""Where the head is and how the camera sees it: pose, projection, exact landmarks and the box of the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Distance of the camera in units of the head: about fourteen times the distance between the eyes.
DISTANCE = 87.0
#: The middle of a face and its height, chin to hairline; the camera aims at the one and frames the other.
CENTRE = np.array([0.0, 1.6, 4.0], dtype=np.float32)
FACE_HEIGHT = 18.0


@dataclass(frozen=True)
class Camera:
    """Pose of the head, in radians, and framing.

    Attributes:
        yaw: Positive turns the nose to the subject's left, which is the picture's right.
        pitch: Positive lifts the chin.
        roll: Positive tilts the head clockwise in the picture.
        fill: Height of the face over the height of the picture.
        shift: Where the middle of the face lies, as shares of the picture from its centre (right, down).
    """

    yaw: float
    pitch: float
    roll: float
    fill: float
    shift: tuple[float, float]

    def rotation(self) -> NDArray[np.float32]:
        """The (3, 3) rotation of the head."""
        (cy, cp, cr), (sy, sp, sr) = (
            np.cos([self.yaw, self.pitch, self.roll]),
            np.sin([self.yaw, self.pitch, self.roll]),
        )
        turn = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
        nod = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
        tilt = np.array([[cr, sr, 0], [-sr, cr, 0], [0, 0, 1]])
        return (tilt @ nod @ turn).astype(np.float32)

    def place(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotate points of the head (V, 3) about its middle.

        Args:
            points: In the axes of the head.
        """
        return ((points - CENTRE) @ self.rotation().T).astype(np.float32)

    def project(self, placed: NDArray[np.float32], size: int) -> NDArray[np.float32]:
        """Picture positions (V, 2) in pixels of a square picture.

        Args:
            placed: (V, 3) from `place`.
            size: Width and height of the picture.
        """
        focal = size * self.fill * DISTANCE / FACE_HEIGHT
        scale = focal / (DISTANCE - placed[:, 2:3])
        centre = size * (0.5 + np.array(self.shift, dtype=np.float32))
        return (centre + placed[:, :2] * np.array([1, -1], dtype=np.float32) * scale).astype(np.float32)


def five_points(points68: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the five points (5, 2), in the order of `ferda.landmarks.FIVE_POINTS`, from the 68.

    Args:
        points68: (68, 2) positions in a picture.
    """
    rows = [points68[36:42].mean(0), points68[42:48].mean(0), points68[30], points68[48], points68[54]]
    return np.stack(rows).astype(np.float32)


def face_box(points68: NDArray[np.floating]) -> tuple[float, float, float, float]:
    """Return x, y, width, height of the face, as detectors draw it: from the forehead to the chin.

    Args:
        points68: (68, 2) positions in a picture.
    """
    low, high = points68.min(0), points68.max(0)
    upright = (points68[27] - points68[8]) / max(float(np.linalg.norm(points68[27] - points68[8])), 1e-6)
    brows = points68[17:27] + 0.30 * upright * np.linalg.norm(points68[27] - points68[8])
    low, high = np.minimum(low, brows.min(0)), np.maximum(high, brows.max(0))
    return float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])
