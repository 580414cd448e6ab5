"""Plain convolutions after a list: a number is one of so many channels, `pool` halves the map before it.

Every convolution has a bias, stride 1, batch norm and ReLU. ESR's base and branches are made of such lists.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from ferda.layers.cbam import CBAM, Attended

#: Channels of a convolution, or a pooling of what stands before it.
Layers = tuple[int | Literal["pool"], ...]


def checked_layers(layers: Layers) -> Layers:
    """Return a list of layers.

    Args:
        layers: To be looked at.

    Raises:
        ValueError: If no network can be made of it.
    """
    pools = [layer == "pool" for layer in layers]
    if not layers or pools[0] or any(a and b for a, b in pairwise(pools)):
        raise ValueError("a list of layers begins with a convolution and has no two pools in a row")
    if any(layer != "pool" and int(layer) < 1 for layer in layers):
        raise ValueError("a convolution has at least one channel")
    return layers


class _BatchStatisticsNorm(nn.BatchNorm2d):
    """Batch norm that normalises with the batch at hand in evaluation, too, without learning from it."""

    def forward(self, input: Tensor) -> Tensor:
        if self.training:
            return super().forward(input)
        return F.batch_norm(input, None, None, self.weight, self.bias, training=True, eps=self.eps)


class Block(nn.Module):
    """Convolution, batch norm, ReLU; then, where wanted, max-pooling and attention.

    Args:
        c: Channels in.
        d: Channels out.
        kernel: Width of the convolution.
        padding: Of the convolution.
        pools: Whether the map is halved.
        attention: Whether a CBAM follows.
        batch_statistics: Whether the batch's own statistics normalise in evaluation, too.
    """

    def __init__(
        self,
        c: int,
        d: int,
        kernel: int = 3,
        padding: int = 0,
        *,
        pools: bool = False,
        attention: bool = False,
        batch_statistics: bool = False,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, d, kernel, padding=padding)
        self.norm = _BatchStatisticsNorm(d) if batch_statistics else nn.BatchNorm2d(d)
        self.pools = pools
        self.attention = CBAM(d) if attention else None

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, d, H', W') of (B, c, H, W)."""
        x = self.convolved(x)
        return x if self.attention is None else self.attention(x)

    def convolved(self, x: Tensor) -> Tensor:
        """Return what the attention, if there is one, is given.

        Args:
            x: (B, c, H, W).
        """
        x = F.relu(self.norm(self.conv(x)), inplace=True)
        return F.max_pool2d(x, 2) if self.pools else x

    def least(self, side: int) -> int:
        """Return the least side of a map of which `side` places remain.

        Args:
            side: After this block.
        """
        return side * (2 if self.pools else 1) + self.conv.kernel_size[0] - 1 - 2 * int(self.conv.padding[0])


class Stack(nn.Sequential):
    """Blocks after a list of layers.

    Args:
        c: Channels in.
        layers: See `Layers`.
        kernel: Of the first convolution.
        padding: Of the last convolution.
        attention: See `Block`.
        batch_statistics: See `Block`.

    Attributes:
        width: Channels out.
    """

    def __init__(
        self,
        c: int,
        layers: Layers,
        *,
        kernel: int = 3,
        padding: int = 0,
        attention: bool = False,
        batch_statistics: bool = False,
    ) -> None:
        blocks: list[Block] = []
        places = [at for at, layer in enumerate(layers) if layer != "pool"]
        for at in places:
            blocks.append(
                Block(
                    c,
                    int(layers[at]),
                    3 if blocks else kernel,
                    padding if at == places[-1] else 0,
                    pools=layers[at + 1 : at + 2] == ("pool",),
                    attention=attention,
                    batch_statistics=batch_statistics,
                )
            )
            c = int(layers[at])
        super().__init__(*blocks)
        self.width = c

    def attend(self, x: Tensor) -> tuple[Tensor, Attended | None]:
        """Return the last map, and the attention of the last block if it has any.

        Args:
            x: (B, c, H, W).
        """
        *before, last = self
        for block in before:
            x = block(x)
        assert isinstance(last, Block)
        x = last.convolved(x)
        if last.attention is None:
            return x, None
        attended = last.attention.attend(x)
        return attended.features, attended

    def least(self, side: int) -> int:
        """Return the least side of a map of which `side` places remain.

        Args:
            side: After all blocks.
        """
        for block in reversed([*self]):
            assert isinstance(block, Block)
            side = block.least(side)
        return side
