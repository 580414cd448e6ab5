"""Class activation: which places of the last map speak for a class.

Selvaraju et al., "Grad-CAM", ICCV 2017, weigh every channel by the mean gradient of the class's logit. Where
the map A is averaged over its places and a linear layer W follows, that gradient is W itself, up to a factor
that the scaling to [0, 1] takes away; so no backward pass is needed (Zhou et al., CVPR 2016):

    S = max(sum_d W_yd A_d, 0),   (S - min S) / max (S - min S).
"""

from __future__ import annotations

import torch
from torch import Tensor

from ferda.checks import check_shape


def class_activation(maps: Tensor, weight: Tensor, chosen: Tensor) -> Tensor:
    """Return the saliency of a class in each picture, (B, h, w) from 0 to 1; 0 where nothing speaks for it.

    Args:
        maps: A, (B, D, h, w), before it is averaged over its places.
        weight: W, (C, D), of the linear layer after that.
        chosen: (B,) int64 classes.
    """
    check_shape(maps, "B D h w", "maps", D=weight.shape[1])
    speaks = torch.einsum("bdhw,bd->bhw", maps, weight[chosen].to(maps)).clamp(min=0)
    rise = speaks - speaks.amin((1, 2), keepdim=True)
    top = rise.amax((1, 2), keepdim=True)
    return rise / torch.where(top > 0, top, 1)
