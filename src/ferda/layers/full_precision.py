"""Matrix products of a loss are taken in the precision of its inputs, also under autocast."""

from __future__ import annotations

import torch
from torch import Tensor


def full_precision(values: Tensor) -> torch.autocast:
    """Return a context in which products on the device of `values` are not shortened to half precision.

    A distance or a covariance is a small difference of large sums, of which half precision leaves nothing.

    Args:
        values: Any tensor of the computation.
    """
    return torch.autocast(values.device.type, enabled=False)
