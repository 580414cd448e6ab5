"""A backbone, an optional bottleneck and a linear head: the network of the general adaptation methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ferda.backbones import create_backbone
from ferda.batch import Output


class Classifier(nn.Module):
    """Features and logits of a face.

    Args:
        backbone: Name, as `create_backbone` takes it.
        classes: Number of classes `C`.
        options: Of the backbone's family.
        weights: File with weights of the backbone.
        bottleneck: Width of a layer between backbone and head (linear, batch norm, ReLU); None has none.
        dropout: Probability of dropping a feature before the head.
    """

    def __init__(
        self,
        backbone: str,
        classes: int,
        *,
        options: dict[str, Any] | None = None,
        weights: str | Path | None = None,
        bottleneck: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.backbone = create_backbone(backbone, weights=weights, **(options or {}))
        width = self.backbone.width
        self.bottleneck: nn.Module = nn.Identity()
        if bottleneck is not None:
            self.bottleneck = nn.Sequential(
                nn.Linear(width, bottleneck), nn.BatchNorm1d(bottleneck), nn.ReLU(inplace=True)
            )
        self.width = bottleneck or width
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(self.width, classes)

    def forward(self, images: Tensor) -> Output:
        """Return the logits and features of (B, 3, H, W) normalised images."""
        features = self.bottleneck(self.backbone(images))
        return Output(logits=self.head(self.dropout(features)), features=features)
