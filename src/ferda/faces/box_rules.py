"""Boxes as programs of the field cut them out: with a margin, with exchanged axes, on a black square.

A rectangle is (left, top, right, bottom) in whole pixels; right and bottom lie just outside.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

Rectangle = tuple[int, int, int, int]


def to_rectangle(box: tuple[float, float, float, float]) -> Rectangle:
    """Round a box (left, top, width, height) to whole pixels.

    Args:
        box: For instance `Face.box`.
    """
    left, top, width, height = box
    return round(left), round(top), round(left + width), round(top + height)


def within(rectangle: Rectangle, image: np.ndarray) -> Rectangle:
    """Return the part of a rectangle that lies in a picture, or the whole picture if nothing does.

    Args:
        rectangle: May reach beyond the picture.
        image: (H, W, 3).
    """
    height, width = image.shape[:2]
    left, top, right, bottom = rectangle
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    return (left, top, right, bottom) if right > left and bottom > top else (0, 0, width, height)


def swap_axes(rectangle: Rectangle) -> Rectangle:
    """Exchange x and y, as a program does that takes rows from x and columns from y.

    Args:
        rectangle: The face's box.
    """
    left, top, right, bottom = rectangle
    return top, left, bottom, right


def add_margin(rectangle: Rectangle, share: float = 0.5) -> Rectangle:
    """Grow a box by the same number of pixels on every side; it may then reach beyond the picture.

    Args:
        rectangle: The face's box.
        share: Of the box's longer side, half of it on each side; 0.5 adds a quarter of that side all around.
    """
    left, top, right, bottom = rectangle
    margin = int(0.5 * share * max(right - left, bottom - top))
    return left - margin, top - margin, right + margin, bottom + margin


def letterbox(
    image: np.ndarray, rectangle: Rectangle, landmarks: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a rectangle out and fit it into a black square with its proportions kept.

    Args:
        image: (H, W, 3) uint8.
        rectangle: What to cut; the whole picture if nothing of it lies within.
        landmarks: (P, 2) in pixels of the picture.
        size: Side of the square.

    Returns:
        The square (size, size, 3) uint8, and the landmarks (P, 2) float32 in its pixels.
    """
    left, top, right, bottom = within(rectangle, image)
    scale = size / max(right - left, bottom - top)
    width, height = max(1, round((right - left) * scale)), max(1, round((bottom - top) * scale))
    part = Image.fromarray(np.ascontiguousarray(image[top:bottom, left:right]))
    corner = (size - width) // 2, (size - height) // 2
    square = Image.new("RGB", (size, size))
    square.paste(part.resize((width, height), Image.Resampling.BILINEAR), corner)
    stretch = np.array([width / (right - left), height / (bottom - top)])
    return np.array(square), ((landmarks - (left, top)) * stretch + corner).astype(np.float32)
