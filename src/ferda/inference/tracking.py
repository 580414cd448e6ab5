"""Who is who from frame to frame: faces keep their number while they are seen, and for a moment longer.

Each face of a frame is given to the known face that is nearest to it in place (overlap of the boxes) and in
look (colours of the face), all at once, so that the sum is best. A face may have moved without overlap if it
looks the same; one at the same place that looks different is somebody else. A face that was not seen for a
while, or over a cut to another scene, is new, and no number is given twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ferda.inference.looks import likeness

#: From this overlap on a face is at the same place, and need only look roughly the same.
_SAME_PLACE, _ROUGHLY = 0.25, 0.6
#: From this likeness on it may have moved, by so many of its own widths, and more for every second unseen.
_SAME_LOOK, _REACH, _REACH_A_SECOND = 0.9, 1.0, 2.0
_LARGEST_GROWTH = 2.0
#: Faces of two people are rarely less alike than this.
_LEAST_LIKE = 0.6
#: A scene changes when light and dark stand elsewhere and colours are others. Of pairs of film pictures that
#: finds 96 %, and calls no pan by a sixth of the picture and no flash a cut.
_PLACES_CHANGED, _COLOURS_CHANGED = 0.6, 0.93
#: Share of a new look in a face's own, which follows the light but not a single occlusion.
_LEARN = 0.2
_FRAMES_KEPT = 2  # so many frames without it do not make a face forgotten, however far apart they are


@dataclass
class _Known:
    """A face that may come again."""

    face_id: int
    box: np.ndarray
    look: np.ndarray
    time_s: float
    missed: int = 0


class Tracker:
    """Gives the faces of a video their numbers, frame by frame.

    Args:
        memory_s: For so many seconds a face that is not seen keeps its number.
    """

    def __init__(self, memory_s: float = 2.0) -> None:
        self._memory_s = memory_s
        self._known: list[_Known] = []
        self._next = 0
        self._scene: tuple[np.ndarray, np.ndarray] | None = None

    def __call__(
        self, boxes: np.ndarray, looks: np.ndarray, scene: tuple[np.ndarray, np.ndarray], time_s: float
    ) -> list[int]:
        """Return the number of each face of the next frame, in the order of the boxes.

        Args:
            boxes: (F, 4) left, top, width, height in pixels.
            looks: (F, D) of `looks.look`.
            scene: Of the whole frame, `looks.look` and `looks.thumb`.
            time_s: When it is.
        """
        if self._scene is not None and is_cut(self._scene, scene):
            self._known = []
        self._scene = scene
        # a canonical order, largest first: the detector's must not decide who gets which number
        order = np.lexsort((*boxes.T, -boxes[:, 2] * boxes[:, 3]))
        given = self._given(boxes[order], looks[order], time_s)
        ids = np.empty(len(boxes), int)
        ids[order] = given
        return ids.tolist()

    def _given(self, boxes: np.ndarray, looks: np.ndarray, time_s: float) -> list[int]:
        for face in self._known:
            face.missed += 1
        self._forget(time_s)
        matches = self._matches(boxes, looks, time_s)
        ids = []
        for row, (box, look) in enumerate(zip(boxes, looks.astype(float), strict=True)):
            if row not in matches:
                matches[row] = _Known(self._next, box, look, time_s)
                self._next += 1
                self._known.append(matches[row])
            face = matches[row]
            face.box, face.time_s, face.missed = box, time_s, 0
            face.look = face.look + _LEARN * (look - face.look)
            ids.append(face.face_id)
        return ids

    def _matches(self, boxes: np.ndarray, looks: np.ndarray, time_s: float) -> dict[int, _Known]:
        """Known faces by the row of the box that is theirs."""
        if not self._known or not len(boxes):
            return {}
        unseen = time_s - np.array([face.time_s for face in self._known])[:, None]
        before = np.stack([face.box for face in self._known])
        alike = likeness(np.stack([face.look for face in self._known]), looks)  # (known, F)
        shared = overlap(before, boxes)
        is_near = _is_near(before, boxes, _REACH + _REACH_A_SECOND * unseen) & (alike >= _SAME_LOOK)
        is_allowed = is_near | ((shared >= _SAME_PLACE) & (alike >= _ROUGHLY))
        merit = 1 + shared + (alike.clip(_LEAST_LIKE) - _LEAST_LIKE) / (1 - _LEAST_LIKE)
        pairs = zip(*linear_sum_assignment(np.where(is_allowed, merit, 0.0), maximize=True), strict=True)
        return {int(row): self._known[known] for known, row in pairs if is_allowed[known, row]}

    def _forget(self, time_s: float) -> None:
        self._known = [
            face
            for face in self._known
            if time_s - face.time_s <= self._memory_s or face.missed <= _FRAMES_KEPT + 1
        ]


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union of each box of one set with each of another: (M, N).

    Args:
        first: (M, 4) left, top, width, height.
        second: (N, 4).
    """
    first, second = first[:, None].astype(float), second[None].astype(float)
    corner = np.maximum(first[..., :2], second[..., :2])
    end = np.minimum(first[..., :2] + first[..., 2:], second[..., :2] + second[..., 2:])
    shared = np.prod((end - corner).clip(0), axis=-1)
    areas = np.prod(first[..., 2:], axis=-1) + np.prod(second[..., 2:], axis=-1)
    return shared / np.maximum(areas - shared, 1e-9)


def is_cut(before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray]) -> bool:
    """Whether two frames show different scenes.

    Args:
        before: `looks.look` and `looks.thumb` of the whole frame.
        after: Likewise.
    """
    colours = float(likeness(before[0][None], after[0][None])[0, 0])
    places = [thumb.astype(float) - thumb.mean() for thumb in (before[1], after[1])]
    return (
        colours < _COLOURS_CHANGED
        and float(likeness(places[0][None], places[1][None])[0, 0]) < _PLACES_CHANGED
    )


def _is_near(first: np.ndarray, second: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Whether centres are within `reach` (M, 1) mean widths, and sizes within a factor: (M, N)."""
    sides = [np.sqrt(np.prod(boxes[:, 2:].astype(float), axis=1).clip(1e-9)) for boxes in (first, second)]
    centres = [boxes[:, :2] + boxes[:, 2:] / 2 for boxes in (first, second)]
    away = np.linalg.norm(centres[0][:, None] - centres[1][None], axis=-1)
    growth = sides[0][:, None] / sides[1][None]
    is_alike = (growth <= _LARGEST_GROWTH) & (growth >= 1 / _LARGEST_GROWTH)
    return is_alike & (away <= reach * (sides[0][:, None] + sides[1][None]) / 2)
