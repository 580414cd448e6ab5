"""What every network of ferda answers: a picture in, one row of features out.

A backbone has no classes. It says how wide its features are (`width`), and gives its stage maps to whoever
wants to look before the pooling (local branches, attention, heat maps).
"""

from __future__ import annotations

from torch import Tensor, nn


class Backbone(nn.Module):
    """A network that turns faces into features.

    Attributes:
        width: Number of features `D` of a face.
    """

    width: int

    def stage_maps(self, images: Tensor) -> list[Tensor]:
        """Return the map after each stage, shallow first, the last one being what `forward` pools.

        Args:
            images: (B, 3, H, W) normalised.

        Returns:
            Tensors (B, channels, height, width).
        """
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, D) features of (B, 3, H, W) normalised images."""
        raise NotImplementedError

    def own_names(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a state dict under this network's names; a family knows how its publishers call things."""
        return state


class StagedBackbone(Backbone):
    """A network of four stages, each half as wide as the one before, that can be looked at part by part.

    Attributes:
        widths: Channels of the four stage maps.
        shares_local_trunk: Whether windows of all landmarks pass one local trunk instead of one each.
    """

    widths: tuple[int, ...]
    shares_local_trunk: bool = False

    def local_trunk(self) -> nn.Sequential:
        """Make layers that take windows of the second stage's map the way of stages three and four."""
        raise NotImplementedError

    def forward(self, images: Tensor) -> Tensor:
        """Return (B, D) features, the mean over the last map, of (B, 3, H, W) normalised images."""
        return self.stage_maps(images)[-1].mean((2, 3))
