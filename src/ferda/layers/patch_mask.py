"""Hides squares of a picture, so that a network must tell the whole from what is left.

Hoyer et al., "MIC: Masked image consistency for context-enhanced domain adaptation", CVPR 2023.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PatchMask(nn.Module):
    """Lays a grid over each picture and sets every field to 0 with a probability of its own draw.

    Zero is the mean colour of a normalised picture. Fields differ by a pixel where the side is no multiple of
    their number.

    Args:
        fields: Of the grid, a side (authors: pictures of 224 pixels have 4).
        ratio: Probability of a field to be hidden.
    """

    def __init__(self, fields: int = 4, ratio: float = 0.7) -> None:
        super().__init__()
        self.fields = fields
        self.ratio = ratio

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, 3, H, W) images with hidden fields."""
        shown = torch.rand(len(images), 1, self.fields, self.fields, device=images.device) > self.ratio
        return images * nn.functional.interpolate(shown.to(images), size=images.shape[2:], mode="nearest")
