"""What share of the target a network gives to each class, as a running mean over batches.

A network that learns from its own answers gives the frequent classes ever more: the rich grow richer. Wang
et al., "Debiased learning from naturally imbalanced pseudo-labels", CVPR 2022, take the mean answer for what
the network would say of any face, and subtract its logarithm before answers become labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.distributed import gathered


class AnswerShares(nn.Module):
    """Keeps `m <- a m + (1 - a) mean_i p_i`, and makes answers `z - lambda log m` of logits z.

    With several processes each calls `take` in every step with equally many rows; all then hold the same.

    Args:
        classes: Number of classes `C`.
        decay: a.

    Attributes:
        shares: (C,) m, equal ones at first.
    """

    shares: Tensor

    def __init__(self, classes: int, decay: float = 0.99) -> None:
        super().__init__()
        self.decay = decay
        self.register_buffer("shares", torch.full((classes,), 1 / classes))

    @torch.no_grad()
    def take(self, probabilities: Tensor) -> None:
        """Take in what was answered for a batch of the target.

        Args:
            probabilities: (B, C).
        """
        self.shares = self.decay * self.shares + (1 - self.decay) * gathered(probabilities.float()).mean(0)

    def debiased(self, logits: Tensor, strength: float) -> Tensor:
        """Return (B, C) logits in which no class is ahead for being answered often.

        Args:
            logits: (B, C) z.
            strength: lambda; 0 leaves them as they are.
        """
        return logits - strength * self.shares.clamp(min=1e-4).log()
