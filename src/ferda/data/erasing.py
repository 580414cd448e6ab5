"""Rectangles that hide a part of a face: random erasing of weak views, the cut-out of strong ones.

Boxes are (B, 4) left, top, right, bottom in pixels; the last two lie outside, so an empty box hides nothing.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ferda.data.device import sent
from ferda.data.geometric import log_between
from ferda.data.view_options import StrongView, WeakView


def erase_boxes(options: WeakView, draws: Tensor, size: int) -> Tensor:
    """Turn uniform draws into the boxes of random erasing, each wholly inside its picture.

    Args:
        options: Chance, area and aspect.
        draws: (B, 5) uniforms: chance, area, aspect, x, y.
        size: Side of the picture in pixels.
    """
    chance, area, aspect, x, y = draws.unbind(1)
    low, high = options.erase_area
    side = size * (low + (high - low) * area).sqrt()
    stretch = log_between(options.erase_aspect, aspect).sqrt()
    height, width = (side * stretch).round().clamp(max=size), (side / stretch).round().clamp(max=size)
    left, top = (x * (size - width + 1)).floor(), (y * (size - height + 1)).floor()
    boxes = torch.stack((left, top, left + width, top + height), 1)
    return torch.where((chance < options.erase)[:, None], boxes, 0.0)


def cutout_boxes(options: StrongView, draws: Tensor, size: int) -> Tensor:
    """Turn uniform draws into the boxes of AGLRLS' cut-out, which may lie partly outside.

    Args:
        options: Largest side.
        draws: (B, 3) uniforms: side, x and y of the centre.
        size: Side of the picture in pixels.
    """
    side, x, y = draws.unbind(1)
    side = side * options.cutout * size
    left = (x * size - side / 2).clamp(min=0).floor()
    top = (y * size - side / 2).clamp(min=0).floor()
    # The original draws the pixel of the far corner too.
    boxes = torch.stack((left, top, (left + side).floor() + 1, (top + side).floor() + 1), 1)
    return torch.where((side > 0)[:, None], boxes, 0.0)


def paint(pictures: Tensor, boxes: Tensor, colour: tuple[int, int, int]) -> Tensor:
    """Fill one rectangle per picture, in place.

    Args:
        pictures: (B, 3, H, W) float.
        boxes: (B, 4) in pixels.
        colour: Red, green, blue.
    """
    left, top, right, bottom = boxes[:, :, None].unbind(1)
    rows = torch.arange(pictures.shape[2], device=pictures.device)
    columns = torch.arange(pictures.shape[3], device=pictures.device)
    inside = ((rows >= top) & (rows < bottom))[:, :, None] & ((columns >= left) & (columns < right))[:, None]
    filling = sent(torch.tensor(colour, dtype=pictures.dtype), pictures.device)
    return pictures.lerp_(filling.view(3, 1, 1), inside[:, None].to(pictures.dtype))
