"""Rows on which several heads agree, each of them sure: how CGLRL chooses its pseudo-labels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ferda.losses.entropy import entropy


def agreement(logits: Tensor, heads: Sequence[int], entropy_max: float) -> tuple[Tensor, Tensor]:
    """Return which rows to believe, and each row's class by the first of the heads.

    Args:
        logits: (heads, B, C).
        heads: Positions of the heads that must agree.
        entropy_max: Highest entropy, in nats, of each of their predictions.

    Returns:
        (B,) bool and (B,) int64.
    """
    probabilities = logits[list(heads)].detach().float().softmax(2)
    labels = probabilities.argmax(2)
    agree = (labels == labels[0]).all(0)
    sure = (entropy(probabilities) <= entropy_max).all(0)
    return agree & sure, labels[0]
