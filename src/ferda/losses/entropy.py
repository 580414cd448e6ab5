"""How undecided a prediction is. Minimised, it draws predictions of the target away from the boundaries."""

from __future__ import annotations

from torch import Tensor, nn

from ferda.layers.precision import at_least_float32


def entropy(probabilities: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Return `H(p) = - sum_c p_c log(p_c + epsilon)` in nats, computed in float32 or better.

    Args:
        probabilities: (*, C).
        epsilon: Keeps the logarithm finite. 1e-5 is what CDAN's authors, and so AGRA and AGLRLS, add; a
            certain prediction then has -1e-5 instead of 0.

    Returns:
        (*).
    """
    probabilities = at_least_float32(probabilities)
    return -(probabilities * (probabilities + epsilon).log()).sum(-1)


class EntropyLoss(nn.Module):
    """Mean entropy of the predictions (Grandvalet and Bengio, NeurIPS 2004).

    Args:
        epsilon: See `entropy`.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, logits: Tensor) -> Tensor:
        """Return the mean of H(softmax(logits)) over the rows of (B, C) logits."""
        return entropy(at_least_float32(logits).softmax(-1), self.epsilon).mean()
