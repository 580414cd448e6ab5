"""Faces as a network sees them, without torch: what `ferda.data.views` and `Normalise` do, in numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def shown_faces(
    crops: np.ndarray, size: int, mean: Sequence[float], std: Sequence[float], channels: str
) -> np.ndarray:
    """Resize and normalise faces.

    Args:
        crops: (B, S, S, 3) uint8 RGB.
        size: Side of the network's input.
        mean: Subtracted from values in [0, 1], in the order of `channels`.
        std: Divisor after that, likewise.
        channels: `rgb` or `bgr`, what the network wants.

    Returns:
        (B, 3, size, size) float32; within 2e-5 of what torch makes.
    """
    pictures = crops.transpose(0, 3, 1, 2).astype(np.float32)
    if size != crops.shape[1]:
        weights = _weights(crops.shape[1], size)
        pictures = weights @ pictures @ weights.T
    pictures = pictures[:, ::-1] if channels == "bgr" else pictures
    columns = np.array([mean, std], np.float32)[:, :, None, None]
    return np.ascontiguousarray((pictures / np.float32(255) - columns[0]) / columns[1])


def shown_points(landmarks: np.ndarray, side: int, size: int) -> np.ndarray:
    """Move landmarks along when a crop is resized.

    Args:
        landmarks: (B, P, 2) pixels of the crop, whose centres are whole numbers.
        side: Of the crop.
        size: Side of the network's input.

    Returns:
        (B, P, 2) float32 pixels of the network's input.
    """
    moved = landmarks if size == side else ((2 * landmarks + 1) * (size / side) - 1) / 2
    return np.asarray(moved, np.float32)


def _weights(side: int, size: int) -> np.ndarray:
    """(size, side): bilinear weights of each old pixel in each new one, wider where the picture shrinks."""
    scale = side / size
    centres = (np.arange(size) + 0.5) * scale
    away = np.abs(np.arange(side) + 0.5 - centres[:, None]) / max(scale, 1)
    weights = np.maximum(1 - away, 0)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
