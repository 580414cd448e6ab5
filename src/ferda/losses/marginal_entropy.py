"""Marginal entropy: a batch of the target should not all be one class."""

from __future__ import annotations

from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32
from ferda.losses.entropy import entropy


class MarginalEntropyLoss(nn.Module):
    """Minus the entropy of the mean prediction, `L = -H(mean_i softmax(z_i))`.

    It is least, about -log C, where the batch has all classes in equal measure, and greatest, about 0, where
    all rows are predicted alike and with certainty. It goes with a conditional loss that keeps each row
    certain (`EntropyLoss`): the difference of the two is the mutual information of picture and prediction.
    The mean is over the rows of all processes (gathered).

    Args:
        epsilon: See `ferda.losses.entropy.entropy`.
    """

    def __init__(self, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.epsilon = epsilon

    def forward(self, logits: Tensor) -> Tensor:
        """Return the scalar loss of the target's (B, C) logits."""
        check_shape(logits, "B C", "logits")
        return -entropy(gathered(at_least_float32(logits).softmax(1)).mean(0), self.epsilon)
