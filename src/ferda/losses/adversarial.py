"""Domain-adversarial learning: a critic tells source from target, the features keep it from doing so.

Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016. The critic and the loss are apart:
a method owns its critics as children with a learning rate of their own, and hands one to the loss.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.layers.grl import reverse_gradient
from ferda.layers.precision import at_least_float32


class DomainCritic(nn.Module):
    """Three linear layers that say how much a row looks like source: one logit a row.

    Sizes, slope and dropout are those of CDAN's, AGRA's and AGLRLS's code. There is no batch norm, so that
    both domains can pass in one batch of any mixture.

    Args:
        features: Length of a row, `D`, or `C * D` for the conditional losses.
        hidden: Width of the two hidden layers.
        dropout: After each hidden layer.
        slope: Of the leaky ReLU below zero.
    """

    def __init__(self, features: int, hidden: int = 512, dropout: float = 0.5, slope: float = 0.2) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(features, hidden),
            nn.LeakyReLU(slope),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(slope),
            nn.Dropout(dropout),
            nn.Linear(hidden, 1),
        )
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.xavier_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, features: Tensor) -> Tensor:
        """Return (B,) logits, positive for source, of (B, D) rows."""
        logits: Tensor = self.layers(features).squeeze(1)
        return logits


def domain_cross_entropy(critic: nn.Module, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the critic's binary cross-entropy of every row, source being 1 and target 0.

    Both domains pass the critic together, in float32 or better from its logits on.

    Args:
        critic: Rows (B, D) to logits (B,).
        source: (B, D).
        target: (B', D).

    Returns:
        (B,) and (B',).
    """
    logits = at_least_float32(critic(torch.cat([source, target])))
    of_source, of_target = logits.split([len(source), len(target)])
    return functional.softplus(-of_source), functional.softplus(of_target)


class DomainAdversarialLoss(nn.Module):
    """`L = (mean_s BCE(D(f_s), 1) + mean_t BCE(D(f_t), 0)) / 2` behind a gradient reversal.

    Each domain counts half, whatever the sizes of the two batches; with equal sizes this is the mean over
    all rows. A batch of one is fine. A mean over rows needs no other process's rows (local).
    """

    def forward(self, critic: nn.Module, source: Tensor, target: Tensor, reversal: float = 1.0) -> Tensor:
        """Return the scalar loss; minimising it trains the critic, and the features against it.

        Args:
            critic: Usually a `DomainCritic`.
            source: (B, D) features.
            target: (B', D) features.
            reversal: Strength of the gradient that reaches the features, see `reversal_coefficient`.
        """
        check_shape(source, "B D", "source")
        check_shape(target, "B D", "target", D=source.shape[1])
        of_source, of_target = domain_cross_entropy(
            critic, reverse_gradient(source, reversal), reverse_gradient(target, reversal)
        )
        return (of_source.mean() + of_target.mean()) / 2
