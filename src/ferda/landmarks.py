"""The five points of a face: their names, their order, and what a mirror does to them.

Sides are the *subject's own*: `left_eye` is the eye on the subject's left, which an unmirrored picture shows
on its right. The order of every landmark tensor runs from left to right *in the picture* of a frontal face,
as in MTCNN, ArcFace's template and AGLRLS; so the subject's right eye comes first.
"""

from __future__ import annotations

#: Order of the landmark axis of every (B, 5, 2) tensor.
FIVE_POINTS: tuple[str, ...] = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")
#: Where each point of `FIVE_POINTS` is found after the picture was mirrored.
FIVE_MIRROR: tuple[int, ...] = (1, 0, 2, 4, 3)

#: The same for the 68 usual points (jaw, brows, nose, eyes, lips), image-left first.
SIXTY_EIGHT_MIRROR: tuple[int, ...] = (
    *range(16, -1, -1),
    *range(26, 16, -1),
    *range(27, 31),
    *range(35, 30, -1),
    *(45, 44, 43, 42, 47, 46),
    *(39, 38, 37, 36, 41, 40),
    *range(54, 47, -1),
    *range(59, 54, -1),
    *range(64, 59, -1),
    *range(67, 64, -1),
)


def mirror_order(points: int) -> tuple[int, ...]:
    """Return the permutation of the landmark axis that undoes a mirrored picture.

    Args:
        points: Number of landmarks, 5 or 68.

    Raises:
        ValueError: For any other number.
    """
    orders = {5: FIVE_MIRROR, 68: SIXTY_EIGHT_MIRROR}
    if points not in orders:
        raise ValueError(f"mirror order is known for 5 and 68 landmarks, got {points}")
    return orders[points]
