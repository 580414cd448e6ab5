"""CBAM: a map told which channels matter, then which places.

Woo et al., "CBAM: Convolutional block attention module", ECCV 2018. First every channel is weighed by what a
small network makes of its mean and of its maximum; then every place by what a convolution makes of the mean
and the maximum over the weighed channels:

    c = sigmoid(M(mean x) + M(max x)),     x1 = c x,
    s = sigmoid(K[max x1; mean x1]),       y = s x1.

Facial expression papers use two kinds. MA-Net and the diversified networks have a 7x7 K followed by batch
norm, and biases in M; those are the defaults here. LA-CMFER has K of 49x49 with a bias and no norm, no biases
in M, and adds x to y: `CBAM(C, kernel=49, mlp_bias=False, norm=False, residual=True)`.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d

from ferda.checks import check_shape


class Attended(NamedTuple):
    """A map and the attention that made it.

    Attributes:
        features: y, (B, C, H, W).
        channel: c, (B, C), between 0 and 1.
        spatial: s, (B, H, W), between 0 and 1.
    """

    features: Tensor
    channel: Tensor
    spatial: Tensor


class CBAM(nn.Module):
    """Attention over channels, then over places.

    Args:
        channels: C.
        reduction: How many times narrower M is in its middle; it keeps one channel at least.
        kernel: Odd width of the square K.
        mlp_bias: Whether M's two layers have biases.
        norm: Batch norm after K. A K without norm has a bias.
        residual: Return y + x instead of y.
    """

    def __init__(
        self,
        channels: int,
        reduction: int = 16,
        kernel: int = 7,
        *,
        mlp_bias: bool = True,
        norm: bool = True,
        residual: bool = False,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0:
            raise ValueError(f"the kernel must be odd, got {kernel}")
        self.channels = channels
        middle = max(channels // reduction, 1)
        # linear layers, written as the convolutions of 1x1 maps that they are
        self.channel_mlp = nn.Sequential(
            nn.Conv2d(channels, middle, 1, bias=mlp_bias),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, channels, 1, bias=mlp_bias),
        )
        self.spatial_conv = nn.Conv2d(2, 1, kernel, padding=kernel // 2, bias=not norm)
        # its statistics move slowly, as in the authors' code
        self.spatial_norm: nn.Module = nn.BatchNorm2d(1, momentum=0.01) if norm else nn.Identity()
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, H, W) of (B, C, H, W)."""
        return self.attend(x).features

    def attend(self, x: Tensor) -> Attended:
        """Return the new map together with the attention, for those who show it or learn from it.

        Args:
            x: (B, C, H, W).
        """
        check_shape(x, "B C H W", "x", C=self.channels)
        # max, not amax: where values tie (zeros after a ReLU) one place gets the gradient, as in the authors'
        # code, and the way back is cheaper
        peaks = x.flatten(2).max(2).values[:, :, None, None]
        # one pass of M for both summaries
        both = self.channel_mlp(torch.cat([x.mean((2, 3), keepdim=True), peaks]))
        # not chunk(2), whose pieces an exporter cannot follow when the batch may have any size
        channel = both.unflatten(0, (2, -1)).sum(0).sigmoid()
        weighed = x * channel
        places = torch.cat([weighed.max(1, keepdim=True).values, weighed.mean(1, keepdim=True)], 1)
        spatial = self.spatial_norm(self._spatial(places)).sigmoid()
        features = weighed * spatial
        return Attended(features + x if self.residual else features, channel.flatten(1), spatial.squeeze(1))

    def _spatial(self, places: Tensor) -> Tensor:
        """K over (B, 2, H, W); of a kernel wider than the map can see, only the middle is multiplied."""
        weight, bias = self.spatial_conv.weight, self.spatial_conv.bias
        centre = weight.shape[-1] // 2
        up, across = (min(centre, size - 1) for size in places.shape[2:])
        seen = weight[:, :, centre - up : centre + up + 1, centre - across : centre + across + 1]
        return conv2d(places, seen, bias, padding=(up, across))
