"""Hard rows count more: LA-CMFER's weights for the alignment of samples.

Yang et al., "Learning with alignments" (LA-CMFER), ACM MM 2024. A row is hard if its logits are far from a
clear decision for its class. Of the target only rows that the branch is sure of take part, with the class
that it gives them, and of either domain only rows whose class is on the other side, too.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ferda.layers.precision import at_least_float32

HardnessOf = Literal["logits", "probs"]


def hardness(logits: Tensor, labels: Tensor, of: HardnessOf = "logits") -> Tensor:
    """Return `h = 1/C sum_k (z_k - 1[k = y] max_l z_l)^2` of every row, without gradient.

    Args:
        logits: (B, C), z.
        labels: (B,) classes y.
        of: Take z as it is (the authors' code; adding a constant to all logits then changes the hardness),
            or softmax(z).
    """
    z = at_least_float32(logits.detach())
    z = z.softmax(1) if of == "probs" else z
    wanted = functional.one_hot(labels, z.shape[1]) * z.max(1, keepdim=True).values
    return (z - wanted).square().mean(1)


def is_confident(logits: Tensor, threshold: float) -> Tensor:
    """Return (B,) bool: whether the most probable class reaches a threshold.

    Args:
        logits: (B, C).
        threshold: Probability.
    """
    return at_least_float32(logits.detach()).softmax(1).max(1).values >= threshold


def shares(values: Tensor) -> Tensor:
    """Return values divided by their sum; zeros stay zeros.

    Args:
        values: (B,), none negative.
    """
    return values / values.sum().clamp_min(torch.finfo(values.dtype).tiny)


def has_partner(labels: Tensor, others: Tensor) -> Tensor:
    """Return (B,) bool: whether a row's class is among the other domain's.

    Args:
        labels: (B,) classes.
        others: (B',) classes.
    """
    return (labels.unsqueeze(1) == others).any(1)
