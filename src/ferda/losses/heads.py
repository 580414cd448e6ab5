"""Cross-entropy for networks with several heads: one number a head, all heads at once."""

from __future__ import annotations

from torch import Tensor

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32


def head_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return `mean_i CE(z_h,i ; y_i)` of every head h, in float32 or better.

    Args:
        logits: (heads, B, C).
        labels: (B,) classes, or (B, C) distributions over them.

    Returns:
        (heads,).
    """
    check_shape(logits, "K B C", "logits", B=len(labels))
    log_probabilities = at_least_float32(logits).log_softmax(2)
    if labels.ndim == 2:
        return -(log_probabilities * labels).sum(2).mean(1)
    rows = labels.expand(len(logits), -1).unsqueeze(2)
    return -log_probabilities.gather(2, rows).squeeze(2).mean(1)
