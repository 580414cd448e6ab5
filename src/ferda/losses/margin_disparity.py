"""Margin disparity discrepancy: an adversary agrees with the classifier on the source, and not on the target.

Zhang et al., "Bridging theory and algorithm for domain adaptation" (MDD), ICML 2019. How well it can do
both says how far the domains are apart, and bounds what the classifier loses on the target.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32


class MarginDisparityLoss(nn.Module):
    """`L = gamma mean_s CE(z'_i ; h_i) - mean_t log(1 - softmax(z'_j)_{h_j})` with h the classifier's answer.

    Minimising it trains the adversary, whose logits are z'; the features that it sees are reversed. The
    answers h carry no gradient. The logarithm is taken of logits, so it stays finite where the adversary is
    certain. Means over rows, so the sizes may differ; they need no other process's rows (local).

    Args:
        gamma: Exponential of the margin (paper: 2 to 4).
    """

    def __init__(self, gamma: float = 4.0) -> None:
        super().__init__()
        self.gamma = gamma

    def forward(self, source: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """Return the scalar loss.

        Args:
            source: Logits (B, C) of the classifier and of the adversary, C at least 2.
            target: The same, (B', C).
        """
        for (answers, doubts), name in ((source, "source"), (target, "target")):
            check_shape(answers, "B C", name)
            check_shape(doubts, "B C", name, B=len(answers), C=answers.shape[1])
        agreed = functional.cross_entropy(at_least_float32(source[1]), source[0].argmax(1))
        logits, answer = at_least_float32(target[1]), target[0].argmax(1, keepdim=True)
        others = logits.scatter(1, answer, -torch.inf).logsumexp(1)
        return self.gamma * agreed + (logits.logsumexp(1) - others).mean()
