"""Look at a feature map around each landmark: square windows, all faces and all points in one gather.

AGRA and AGLRLS read the corners of the eyes and the mouth from windows of 7 x 7 cells of a 28 x 28 map.
Positions are whole cells, as there. A face whose landmarks are unknown gets those of an average aligned
face.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ferda.checks import check_shape

#: Where the five points of `ferda.landmarks` lie in an aligned face, as shares of its width and height
#: (the template that ArcFace aligns to, divided by its 112 pixels).
AVERAGE_FACE: tuple[tuple[float, float], ...] = (
    (0.342, 0.462),
    (0.657, 0.460),
    (0.500, 0.641),
    (0.371, 0.825),
    (0.632, 0.823),
)


def default_window(cells: int) -> int:
    """Return a window of about a quarter of the map, odd and at least 3: 7 on 28 cells, 5 on 16, 3 on 12.

    Args:
        cells: Height or width of the map.
    """
    return max(3, cells // 4 | 1)


def window_positions(
    landmarks: Tensor | None, images: Tensor, maps: Tensor, window: int, points: int = 5
) -> Tensor:
    """Return the cell of each landmark, moved inwards so that its window stays on the map.

    Args:
        landmarks: (B, P, 2) x and y in pixels of `images`; rows with NaN, or None for all, take the average
            face (five points only).
        images: (B, 3, H, W), read for their size.
        maps: (B, channels, h, w), likewise.
        window: Odd side of the windows, in cells.
        points: Number of landmarks `P` where `landmarks` is None.

    Returns:
        (B, P, 2) int64 x and y in cells: `trunc(x w / W)`, clipped to `window // 2 ... w - 1 - window // 2`.
    """
    height, width = images.shape[-2:]
    pixels = maps.new_tensor([width, height], dtype=torch.float32)
    cells = maps.new_tensor([maps.shape[-1], maps.shape[-2]], dtype=torch.float32)
    average = torch.tensor(AVERAGE_FACE, device=maps.device) * pixels
    if landmarks is None:
        landmarks = average.expand(images.shape[0], points, 2)
    check_shape(landmarks, "B P 2", "landmarks", B=images.shape[0])
    if landmarks.shape[1] == len(average):
        unknown = landmarks.isnan().any(2, keepdim=True)
        landmarks = torch.where(unknown, average, landmarks)
    found = (landmarks.float() * cells / pixels).trunc()
    margin = window // 2
    return found.maximum(torch.full_like(cells, margin)).minimum(cells - 1 - margin).long()


def landmark_windows(maps: Tensor, positions: Tensor, window: int) -> Tensor:
    """Cut a window around each position; what lies outside of the map is zero.

    Args:
        maps: (B, channels, h, w).
        positions: (B, P, 2) int64 x and y of the centres, in cells.
        window: Odd side.

    Returns:
        (B, P, channels, window, window).
    """
    check_shape(maps, "B D H W", "maps")
    check_shape(positions, "B P 2", "positions", B=maps.shape[0])
    if window % 2 == 0:
        raise ValueError(f"a window needs a centre, so an odd side, got {window}")
    margin = window // 2
    padded = functional.pad(maps, [margin] * 4)
    steps = torch.arange(window, device=maps.device)
    columns = positions[..., 0, None, None] + steps  # (B, P, 1, window), the padding shifts by the margin
    rows = positions[..., 1, None, None] + steps[:, None]  # (B, P, window, 1)
    cells = (rows * padded.shape[3] + columns).flatten(1)  # (B, P window window)
    flat = padded.flatten(2)
    cut = flat.gather(2, cells.unsqueeze(1).expand(-1, flat.shape[1], -1))
    return cut.unflatten(2, (positions.shape[1], window, window)).transpose(1, 2)
