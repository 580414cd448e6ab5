"""Half precision is for networks. Logarithms, entropies and sums over a batch are taken in float32."""

from __future__ import annotations

import torch
from torch import Tensor


def at_least_float32(values: Tensor) -> Tensor:
    """Return float16 and bfloat16 as float32, float32 and float64 as they are.

    Args:
        values: Any floating tensor.
    """
    return values.float() if values.dtype in {torch.float16, torch.bfloat16} else values
