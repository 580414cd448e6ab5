"""A backbone's last map at one size of pictures: what attention over places is built on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ferda.backbones import create_backbone
from ferda.errors import UserError


class LastMap(nn.Module):
    """The last stage map of any backbone, before it is pooled.

    Layers with a weight for every place of the map fit one size only, so another size is refused.

    Args:
        backbone: Name, as `create_backbone` takes it.
        options: Of the backbone's family.
        weights: File with weights of the backbone.
        size: Side of the pictures in pixels.

    Attributes:
        channels: Of the map.
        side: Height and width of the map.
    """

    def __init__(
        self,
        backbone: str,
        *,
        options: dict[str, Any] | None = None,
        weights: str | Path | None = None,
        size: int = 112,
    ) -> None:
        super().__init__()
        self.backbone = create_backbone(backbone, weights, **(options or {}))
        self.size = size
        with torch.no_grad():
            shape = self.backbone.eval().stage_maps(torch.zeros(1, 3, size, size))[-1].shape
        self.backbone.train()
        if len(shape) != 4:
            raise UserError(f"The backbone '{backbone}' has no map of places, which this method needs.")
        self.channels, self.side = shape[1], shape[2]

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, C, side, side) of (B, 3, size, size) normalised images.

        Raises:
            UserError: If the pictures have another size.
        """
        if images.shape[-2:] != (self.size, self.size):
            raise UserError(
                f"This network was built for pictures of {self.size} pixels and got {images.shape[-1]}; "
                "set method.size and data.size to the same number."
            )
        return self.backbone.stage_maps(images)[-1]
