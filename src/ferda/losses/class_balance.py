"""Class balance: over a batch of the target every class shall be predicted now and then.

Saito et al., "Maximum classifier discrepancy for unsupervised domain adaptation" (MCD), CVPR 2018, for VisDA.
"""

from __future__ import annotations

from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32


class ClassBalanceLoss(nn.Module):
    """`L = - 1/C sum_c log(mean_i p_ic + epsilon)` with p = softmax(z).

    It is the cross-entropy of equal shares with the mean prediction: least, log C, where all classes have
    equal shares, and steep where one has none (`MarginalEntropyLoss` is flatter there). The mean is over the
    rows of all processes (gathered).

    Args:
        epsilon: Keeps the logarithm finite.
    """

    def __init__(self, epsilon: float = 1e-6) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, logits: Tensor) -> Tensor:
        """Return the scalar loss of (B, C) logits."""
        check_shape(logits, "B C", "logits")
        return -(gathered(at_least_float32(logits).softmax(1)).mean(0) + self.epsilon).log().mean()
