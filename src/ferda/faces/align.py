"""Turn, scale and shift a face so that its five points lie where a template wants them.

A similarity (rotation, one scale, shift) is the right amount of freedom: it takes away pose in the picture's
plane and leaves expression alone. The best one in the least-squares sense has a closed form (Umeyama 1991),
which in two dimensions is a single division of complex numbers: with centred points p and template q, both
as x + iy,

    a = sum(conj(p) q) / sum(|p|^2),    new = a (old - mean(p)) + mean(q),

|a| is the scale and its angle the rotation. It never mirrors a face.
"""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np

Beyond = Literal["edge", "black"]
_BORDERS = {"edge": cv2.BORDER_REPLICATE, "black": cv2.BORDER_CONSTANT}

#: Where the five points of a face lie in a 112 x 112 crop, order of `ferda.landmarks.FIVE_POINTS`: the
#: template of SphereFace, CosFace and ArcFace.
ARCFACE_112 = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float64,
)

#: Right eye, left eye and middle of the mouth as shares of the crop's side, after a public re-alignment of
#: RAF-DB.
EYES_AND_MOUTH = np.array([[0.286, 0.4], [0.714, 0.4], [0.5, 0.714]], dtype=np.float64)


#: Where FER2013's faces have their five points on average, as shares of the side, made symmetric: 378 faces
#: of its PublicTest part, as our detector finds them; single faces lie 8 % of the side around.
FER2013 = np.array(
    [[0.318, 0.376], [0.682, 0.376], [0.5, 0.587], [0.347, 0.768], [0.653, 0.768]], dtype=np.float64
)


class UnalignableFace(ValueError):  # noqa: N818, it names the face's state
    """Five points that say nothing about where a face is: one place, one line, or no numbers."""


def template(size: int = 112) -> np.ndarray:
    """Return the (5, 2) points of the template for a square crop.

    Args:
        size: Side of the crop in pixels.
    """
    return ARCFACE_112 * (size / 112)


def similarity(points: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the similarities that bring sets of points closest to a target.

    Args:
        points: (B, P, 2) or (P, 2), at least two different points in each set.
        target: (P, 2) for all sets, or (B, P, 2).

    Returns:
        (B, 2, 3) or (2, 3) float64 matrices; NaN for a set that holds NaN or only one place.
    """
    old = np.asarray(points, dtype=np.float64) @ (1, 1j)  # (..., P) complex
    new = np.asarray(target, dtype=np.float64) @ (1, 1j)
    old_mean, new_mean = old.mean(-1, keepdims=True), new.mean(-1, keepdims=True)
    spread = (np.abs(old - old_mean) ** 2).sum(-1)
    spread = np.where(spread > 1e-12, spread, np.nan)
    with np.errstate(invalid="ignore"):
        factor = (np.conj(old - old_mean) * (new - new_mean)).sum(-1) / spread
    shift = new_mean[..., 0] - factor * old_mean[..., 0]
    rows = [[factor.real, -factor.imag, shift.real], [factor.imag, factor.real, shift.imag]]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


def transform(points: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Move points by affine matrices.

    Args:
        points: (..., P, 2).
        matrix: (..., 2, 3).

    Returns:
        (..., P, 2) float64.
    """
    return points @ np.swapaxes(matrix[..., :2], -1, -2) + matrix[..., None, :, 2]


def warp(image: np.ndarray, matrix: np.ndarray, size: int, beyond: Beyond = "edge") -> np.ndarray:
    """Draw an affinely moved picture into a square.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3), from pixels of the picture to pixels of the square.
        size: Side of the square.
        beyond: What is seen where the picture ends: its border continued, or black.

    Returns:
        (size, size, 3) uint8.
    """
    scale = math.sqrt(abs(np.linalg.det(matrix[:, :2])))
    shrink = 2 ** max(0, math.floor(-math.log2(max(scale, 1e-6))))
    if shrink > 1:
        # Bilinear sampling of every n-th pixel would alias, so the picture is averaged down first.
        height, width = (max(1, round(side / shrink)) for side in image.shape[:2])
        step = np.array([image.shape[1] / width, image.shape[0] / height])
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        # a pixel's centre is at a whole number, hence the half pixels
        offset = matrix[:, :2] @ ((step - 1) / 2) + matrix[:, 2]
        matrix = np.column_stack([matrix[:, :2] * step, offset])
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=_BORDERS[beyond])


def align(
    image: np.ndarray, landmarks: np.ndarray, size: int = 112, places: np.ndarray = ARCFACE_112 / 112
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one face out of a picture so that its points come to lie on a template.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (5, 2) in pixels of the picture.
        size: Side of the crop.
        places: (5, 2) of the template, as shares of the side.

    Returns:
        The crop (size, size, 3) uint8, and the landmarks (5, 2) float32 in its pixels.

    Raises:
        UnalignableFace: If the landmarks hold NaN, or all lie in one place.
    """
    matrix = similarity(landmarks, places * size)
    if not np.isfinite(matrix).all():
        raise UnalignableFace(
            f"five finite, different landmarks are needed to align a face, got {landmarks.tolist()}"
        )
    return warp(image, matrix, size), transform(landmarks, matrix).astype(np.float32)


def align_eyes_and_mouth(
    image: np.ndarray, landmarks: np.ndarray, size: int = 112
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one face out so that eyes and middle of the mouth come to lie exactly on `EYES_AND_MOUTH`.

    Three points fix an affine map, which stretches and shears the face: all faces become equally long and
    wide. Beyond the picture it is black.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (5, 2) in pixels of the picture, order of `ferda.landmarks.FIVE_POINTS`.
        size: Side of the crop.

    Returns:
        The crop (size, size, 3) uint8, and the landmarks (5, 2) float32 in its pixels.

    Raises:
        UnalignableFace: If the landmarks hold NaN, or eyes and mouth lie on one line.
    """
    three = np.vstack([landmarks[:2], landmarks[3:].mean(0)]).astype(np.float64)
    (across_x, across_y), (down_x, down_y) = three[1:] - three[0]
    if not abs(across_x * down_y - across_y * down_x) > 1e-6:
        raise UnalignableFace(f"three landmarks on one line align no face, got {landmarks.tolist()}")
    corners = np.column_stack([three, np.ones(3)])  # a point is a row: (x, y, 1) @ matrix.T = new
    matrix = np.linalg.solve(corners, EYES_AND_MOUTH * size).T
    return warp(image, matrix, size, "black"), transform(landmarks, matrix).astype(np.float32)
