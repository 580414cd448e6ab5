"""Pictures as the networks of MTCNN see them: smaller copies by averaging, and squares cut out of these.

Three choices decide how good the landmarks are. What a square shows beyond the picture is zero *after*
normalisation (grey 127.5), never a stretched rest of the picture. Squares are resized with averaging. And
each is taken from the halved copy of the picture that is closest to the size wanted, so that its cost does
not grow with the picture.

All copies come from one table of sums: the sum of a rectangle's pixels is made of the table's values at its
four corners, however large it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

#: A short side down to which halved copies are made.
_SMALLEST = 48
#: Squares cut out at once, bounds memory.
_TOGETHER = 256


class Pyramid:
    """Pictures of one size, in every smaller size.

    Args:
        images: (B, H, W, 3) uint8 RGB.
    """

    def __init__(self, images: np.ndarray) -> None:
        self.count, self.height, self.width = images.shape[:3]
        self._images = images
        # 32 bits may overflow in very large pictures; the difference of two sums is right all the same
        self._sums = np.stack([cv2.integral(image, sdepth=cv2.CV_32S) for image in images])

    def level(self, height: int, width: int) -> np.ndarray:
        """Return the pictures in one size, normalised: (B, 3, height, width) float32.

        Args:
            height: Of the copies.
            width: Of the copies.
        """
        return self._means(_shares(self.height, height), _shares(self.width, width))

    def halved(self) -> list[np.ndarray]:
        """Return (B, 3, H, W) normalised, then halves, quarters ... down to a short side of 48."""
        copies = [_normalised(self._images, 1)]
        while min(copies[-1].shape[2:]) >= 2 * _SMALLEST:
            step = 2 ** len(copies)
            copies.append(self._means(_blocks(self.height, step), _blocks(self.width, step)))
        return copies

    def _means(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Average the pixels in rectangles between rows (2, h) and columns (2, w); ends lie outside."""
        sums = self._sums[:, rows[1]] - self._sums[:, rows[0]]
        sums = np.take(sums, columns[1], 2) - np.take(sums, columns[0], 2)
        return _normalised(sums, (rows[1] - rows[0])[:, None, None] * (columns[1] - columns[0])[:, None])


def _normalised(sums: np.ndarray, pixels: np.ndarray | int) -> np.ndarray:
    """Turn sums (B, H, W, 3) of so many values into (B, 3, H, W), as the networks were trained."""
    factor = np.divide(1 / 128, pixels, dtype=np.float32)
    values = sums.astype(np.float32) * factor - np.float32(127.5 / 128)
    return np.ascontiguousarray(values.transpose(0, 3, 1, 2))


def _shares(pixels: int, count: int) -> np.ndarray:
    """The pixels that each of `count` equal parts touches, at its ends also those it shares with the next."""
    number = np.arange(count)
    return np.stack([number * pixels // count, -(-(number + 1) * pixels // count)])


def _blocks(pixels: int, step: int) -> np.ndarray:
    start = np.arange(0, pixels, step)
    return np.stack([start, np.minimum(start + step, pixels)])


def cut_squares(
    pyramids: Sequence[Sequence[np.ndarray]], picture: np.ndarray, boxes: np.ndarray, size: int
) -> np.ndarray:
    """Cut square boxes out of pictures and resize them; beyond the border there is zero.

    Args:
        pyramids: What `Pyramid.halved` gave, for each group of pictures.
        picture: (K,) the picture of each box, counted through the groups.
        boxes: (K, 4) left, top, right, bottom in pixels.
        size: Side of the squares in pixels.

    Returns:
        (K, 3, size, size) float32.
    """
    sides = boxes[:, 2] - boxes[:, 0]
    halvings = np.log2(np.maximum(sides / size, 1)).astype(np.int64)
    squares = np.empty((len(boxes), 3, size, size), np.float32)
    first = 0
    for copies in pyramids:
        in_group = (picture >= first) & (picture < first + len(copies[0]))
        level = np.minimum(halvings, len(copies) - 1)
        for k, images in enumerate(copies):
            chosen = np.flatnonzero(in_group & (level == k))
            for start in range(0, len(chosen), _TOGETHER):
                rows = chosen[start : start + _TOGETHER]
                squares[rows] = _sampled(images, picture[rows] - first, boxes[rows] * 0.5**k, size)
        first += len(copies[0])
    return squares


def _sampled(images: np.ndarray, picture: np.ndarray, boxes: np.ndarray, size: int) -> np.ndarray:
    """Take squares out of pictures (B, 3, H, W): weighted rows, then weighted columns."""
    left, across = _weights(boxes[:, 0], boxes[:, 2], images.shape[3], size)
    top, down = _weights(boxes[:, 1], boxes[:, 3], images.shape[2], size)
    windows = sliding_window_view(images, (down.shape[2], across.shape[2]), axis=(2, 3))
    parts = windows[picture[:, None], np.arange(3), top[:, None], left[:, None]]
    return down[:, None] @ parts @ across[:, None].transpose(0, 1, 3, 2)


def _weights(start: np.ndarray, end: np.ndarray, pixels: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """How much each pixel of a line counts in each of `size` equal parts between start and end.

    A part is the mean of two places a quarter of it from its ends, each interpolated between the pixels
    beside it; a place more than half a pixel off the line is zero.

    Args:
        start: (K,) in pixels, may lie off the line.
        end: (K,) likewise.
        pixels: Of the line.
        size: Parts.

    Returns:
        (K,) the first pixel that counts, and (K, size, P) the weights of it and its followers.
    """
    parts = (np.arange(2 * size, dtype=np.float32) + 0.5) / (2 * size)
    places = start[:, None] + parts * (end - start)[:, None] - 0.5
    inside = (places >= -1) & (places <= pixels)
    places = places.clip(0, pixels - 1)
    low = places.astype(np.int64)
    high = np.minimum(low + 1, pixels - 1)
    span = int((high[:, -1] - low[:, 0]).max()) + 1
    first = np.minimum(low[:, 0], pixels - span)
    weights = np.zeros((len(start), 2 * size, span), np.float32)
    row, part = np.ogrid[: len(start), : 2 * size]
    share = places - low
    weights[row, part, low - first[:, None]] = (1 - share) * inside / 2
    weights[row, part, high - first[:, None]] += share * inside / 2
    return first, weights[:, ::2] + weights[:, 1::2]
