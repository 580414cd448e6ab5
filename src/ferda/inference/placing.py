"""Where words may stand in a drawing: beside a face, never on one if there is another place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

#: Left, top, right, bottom.
Corners = tuple[int, int, int, int]


class Sized(Protocol):
    """What needs a place."""

    @property
    def width(self) -> int:
        """In pixels."""

    @property
    def height(self) -> int:
        """In pixels."""


Plate = TypeVar("Plate", bound=Sized)


def arrange(
    places: Sequence[Corners], plates: Sequence[Sized], size: tuple[int, int], gap: int, pad: int
) -> tuple[list[tuple[int, int]], tuple[int, int]]:
    """Find a corner for each plate that covers no face; what fits nowhere goes into a margin on the right.

    Args:
        places: Of the faces.
        plates: One for each face.
        size: Width and height of the picture.
        gap: Between a face and its plate.
        pad: Around a plate in the margin.

    Returns:
        The corners, and the width and height that the drawing needs for them.
    """
    taken = list(places)
    corners: list[tuple[int, int]] = []
    width, height, below = *size, pad
    for place, plate in zip(places, plates, strict=True):
        corner = _free_corner(place, plate, size, taken, gap)
        if corner is None:
            corner = size[0] + pad, below
            below += plate.height + pad
            width, height = max(width, size[0] + plate.width + 2 * pad), max(height, below)
        taken.append(_covered(corner, plate))
        corners.append(corner)
    return corners, (width, height)


def squeeze(
    places: Sequence[Corners], plates: Sequence[Sequence[Plate]], size: tuple[int, int], gap: int
) -> tuple[list[Plate], list[tuple[int, int]]]:
    """Find a corner for one plate of each face without a margin.

    Args:
        places: Of the faces.
        plates: For each face the plates that it would rather have first; the last, if none is free, stands
            where it hides least.
        size: Width and height of the picture.
        gap: Between a face and its plate.

    Returns:
        The plate of each face that was taken, and its corner.
    """
    taken = list(places)
    chosen: list[Plate] = []
    corners: list[tuple[int, int]] = []
    for place, offered in zip(places, plates, strict=True):
        free = ((one, _free_corner(place, one, size, taken, gap)) for one in offered)
        one, corner = next(((one, at) for one, at in free if at is not None), (offered[-1], None))
        if corner is None:
            last = size[0] - one.width - 1, size[1] - one.height - 1
            beside = [(min(max(x, 0), last[0]), min(max(y, 0), last[1])) for x, y in _beside(place, one, gap)]
            corner = min(beside, key=lambda at: _hidden(at, one, taken))
        taken.append(_covered(corner, one))
        chosen.append(one)
        corners.append(corner)
    return chosen, corners


def _free_corner(
    place: Corners, plate: Sized, size: tuple[int, int], taken: Sequence[Corners], gap: int
) -> tuple[int, int] | None:
    for at in _beside(place, plate, gap):
        left, top, right, bottom = _covered(at, plate)
        is_inside = left >= 0 and top >= 0 and right < size[0] and bottom < size[1]
        if is_inside and not _hidden(at, plate, taken):
            return at
    return None


def _beside(place: Corners, plate: Sized, gap: int) -> list[tuple[int, int]]:
    """Right of a face, left of it, above, below; flush with its upper or lower, left or right edge."""
    left, top, right, bottom = place
    sides = (right + gap, left - gap - plate.width)
    ends = (top - gap - plate.height, bottom + gap)
    return [(x, y) for x in sides for y in (top, bottom - plate.height)] + [
        (x, y) for y in ends for x in (left, right - plate.width)
    ]


def _covered(at: tuple[int, int], plate: Sized) -> Corners:
    return *at, at[0] + plate.width, at[1] + plate.height


def _hidden(at: tuple[int, int], plate: Sized, taken: Sequence[Corners]) -> int:
    """Pixels of faces and words that a plate would cover."""
    left, top, right, bottom = _covered(at, plate)
    widths = (min(right, other[2]) - max(left, other[0]) for other in taken)
    heights = (min(bottom, other[3]) - max(top, other[1]) for other in taken)
    return sum(max(0, width) * max(0, height) for width, height in zip(widths, heights, strict=True))
