"""Boxes that may hold a face, on their way through the three looks of MTCNN.

Coordinates are continuous: the left edge of the first pixel is 0, the right edge of the last is the width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np


@dataclass(frozen=True)
class Candidates:
    """Boxes found so far, of all pictures together.

    Attributes:
        picture: (K,) int64, which picture of the batch.
        boxes: (K, 4) float32 left, top, right, bottom in pixels.
        scores: (K,) float32 probability of a face.
        corrections: (K, 4) how far each edge wants to move, in widths and heights of its box.
        points: (K, 5, 2) landmarks in pixels; only O-Net gives them, until then (K, 0, 2).
    """

    picture: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    corrections: np.ndarray
    points: np.ndarray

    def __len__(self) -> int:
        return len(self.picture)

    @classmethod
    def joined(cls, parts: Sequence[Candidates]) -> Candidates:
        """Those of several groups or levels as one.

        Args:
            parts: At least one.
        """
        columns = [column.name for column in fields(cls)]
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in columns))

    def take(self, rows: np.ndarray) -> Candidates:
        """Some of the rows, by position or by mask."""
        return Candidates(*(getattr(self, column.name)[rows] for column in fields(self)))

    def counted_from(self, first: int) -> Candidates:
        """The same, as pictures `first`, `first + 1`, ... of a larger batch."""
        return replace(self, picture=self.picture + first)

    def suppressed(self, overlap: float) -> Candidates:
        """Without the boxes that overlap a stronger one of the same picture.

        Args:
            overlap: Intersection over union above which the weaker box goes.
        """
        return self._strongest(lambda shared, one, other: shared / (one + other - shared) > overlap)

    def without_nested(self, share: float) -> Candidates:
        """Without the boxes that lie mostly inside a stronger one of the same picture.

        Args:
            share: Intersection over the *smaller* area above which the weaker box goes.
        """
        return self._strongest(lambda shared, one, other: shared / np.minimum(one, other) > share)

    def _strongest(self, is_hidden: Callable[..., np.ndarray]) -> Candidates:
        """Go from strong to weak, and keep what nothing kept hides; `is_hidden` sees areas."""
        order = np.argsort(-self.scores, kind="stable")
        kept = [np.zeros(0, np.int64)]
        for picture in np.unique(self.picture):
            rows = order[self.picture[order] == picture]
            corner, opposite = self.boxes[rows, :2], self.boxes[rows, 2:]
            sides = np.minimum(opposite[:, None], opposite) - np.maximum(corner[:, None], corner)
            area = (opposite - corner).prod(1).clip(min=1e-6)
            hidden = is_hidden(sides.clip(min=0).prod(2), area[:, None], area)
            free = np.ones(len(rows), bool)
            for row in range(len(rows)):
                if free[row]:
                    free[row + 1 :] &= ~hidden[row, row + 1 :]
            kept.append(rows[free])
        return self.take(np.concatenate(kept))

    def corrected(self) -> Candidates:
        """With each edge moved as the network asked."""
        sides = np.tile(self.boxes[:, 2:] - self.boxes[:, :2], 2)
        return replace(self, boxes=self.boxes + self.corrections * sides)

    def squared(self) -> Candidates:
        """With each box grown about its centre to a square."""
        centre = (self.boxes[:, :2] + self.boxes[:, 2:]) / 2
        half = (self.boxes[:, 2:] - self.boxes[:, :2]).max(1, initial=1, keepdims=True) / 2
        return replace(self, boxes=np.concatenate([centre - half, centre + half], axis=1))
