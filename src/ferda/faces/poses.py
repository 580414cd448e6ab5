"""Five templates for five poses: a face is aligned to the one it fits best, as in DDAMFN++.

Bringing the points of a profile onto a frontal template tears the face to the side and shrinks it. Zhang et
al. (Electronics 12(17), 2023, the alignment of their later recipes) therefore try five templates and keep the
one whose points the similarity comes closest to. They find the points with RetinaFace, hence the name of the
crop; any other five points do.
"""

from __future__ import annotations

import numpy as np

from ferda.faces.align import UnalignableFace, similarity, transform, warp

#: Where the five points lie in a 112 x 112 crop, order of `ferda.landmarks.FIVE_POINTS`; the nose points, in
#: the picture: far left, left, ahead, right, far right.
FIVE_POSES_112 = np.array(
    [
        [[55.550, 49.477], [62.116, 49.339], [38.075, 70.237], [55.017, 92.262], [61.466, 92.979]],
        [[47.241, 48.598], [72.887, 49.540], [40.555, 71.067], [47.423, 93.643], [71.236, 94.353]],
        [[33.566, 40.559], [78.321, 40.559], [55.338, 64.967], [38.479, 90.276], [73.591, 90.276]],
        [[39.516, 49.540], [65.162, 48.598], [71.849, 71.067], [41.167, 94.353], [64.980, 93.643]],
        [[50.225, 49.339], [56.791, 49.477], [74.266, 70.237], [50.875, 92.979], [65.317, 92.262]],
    ],
    dtype=np.float64,
)


def nearest_pose(points: np.ndarray, size: int = 112) -> tuple[int, np.ndarray]:
    """Return the template that five points fit best, and the similarity that brings them there.

    The distance is the sum over the points after the similarity; of equal templates the first is taken.

    Args:
        points: (5, 2) in pixels of the picture.
        size: Side of the crop.

    Returns:
        Row of `FIVE_POSES_112`, and a (2, 3) float64 matrix.

    Raises:
        UnalignableFace: If the points hold NaN, or all lie in one place.
    """
    templates = FIVE_POSES_112 * (size / 112)
    matrices = similarity(np.broadcast_to(points, templates.shape), templates)
    if not np.isfinite(matrices).all():
        raise UnalignableFace(
            f"five finite, different landmarks are needed to align a face, got {points.tolist()}"
        )
    away = np.linalg.norm(transform(points, matrices) - templates, axis=-1).sum(-1)
    pose = int(away.argmin())
    return pose, matrices[pose]


def align_to_pose(
    image: np.ndarray, landmarks: np.ndarray, size: int = 112, truncate: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Cut one face out of a picture so that its points come to lie on the template of its pose.

    Beyond the picture it is black.

    Args:
        image: (H, W, 3) uint8.
        landmarks: (5, 2) in pixels of the picture.
        size: Side of the crop.
        truncate: Cut the fractions of the landmarks off first, as the authors' program does.

    Returns:
        The crop (size, size, 3) uint8, and the landmarks (5, 2) float32 in its pixels.

    Raises:
        UnalignableFace: If the landmarks hold NaN, or all lie in one place.
    """
    points = np.trunc(landmarks) if truncate else landmarks
    _, matrix = nearest_pose(points, size)
    return warp(image, matrix, size, "black"), transform(landmarks, matrix).astype(np.float32)
