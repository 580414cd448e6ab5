"""Pictures as a network wants them: a mean and a deviation per channel, and the order of the channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ferda.data.device import sent
from ferda.errors import UserError, nearest

Channels = Literal["rgb", "bgr"]

#: Mean and standard deviation of red, green, blue, for values from 0 to 1.
NORMALISATIONS: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


class Normalise:
    """Subtracts a mean and divides by a deviation, channel by channel.

    Args:
        mean: Three numbers for values from 0 to 1, in the order of `channels`.
        std: Three positive numbers, likewise.
        channels: What the network wants; pictures come as RGB.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float], channels: Channels = "rgb") -> None:
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"mean and std need three numbers each, std above 0; got {mean} and {std}")
        self.mean = (float(mean[0]), float(mean[1]), float(mean[2]))
        self.std = (float(std[0]), float(std[1]), float(std[2]))
        self.channels: Channels = channels

    @classmethod
    def named(cls, name: str, channels: Channels = "rgb") -> Normalise:
        """Make one of the usual normalisations.

        Args:
            name: A key of `NORMALISATIONS`.
            channels: What the network wants.

        Raises:
            UserError: If there is none of that name.
        """
        if name not in NORMALISATIONS:
            raise UserError(
                f"There is no normalisation '{name}'{nearest(name, NORMALISATIONS)}. "
                f"Known: {', '.join(NORMALISATIONS)}."
            )
        mean, std = (values if channels == "rgb" else values[::-1] for values in NORMALISATIONS[name])
        return cls(mean, std, channels)

    def __call__(self, images: Tensor) -> Tensor:
        """Normalise (B, 3, H, W) RGB floats from 0 to 1."""
        images = images if self.channels == "rgb" else images.flip(1)
        if self.mean == (0, 0, 0) and self.std == (1, 1, 1):
            return images
        mean, std = self._columns(images)
        return (images - mean).div_(std)

    def undo(self, images: Tensor) -> Tensor:
        """Bring normalised (B, 3, H, W) back to RGB from 0 to 1, for showing them."""
        mean, std = self._columns(images)
        images = images * std + mean
        return images if self.channels == "rgb" else images.flip(1)

    def _columns(self, images: Tensor) -> tuple[Tensor, Tensor]:
        both = sent(torch.tensor((self.mean, self.std), dtype=images.dtype), images.device)
        return both[0].view(3, 1, 1), both[1].view(3, 1, 1)
