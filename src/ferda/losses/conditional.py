"""CDAN: the critic sees features together with what the classifier makes of them.

Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018. Aligning whole domains may lay the
happy faces of one over the sad faces of the other; a critic that is told the prediction aligns class by
class. With entropy weights (CDAN+E) rows the classifier is sure of count more. AGRA and AGLRLS use it
unchanged.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.grl import reverse_gradient
from ferda.layers.precision import at_least_float32
from ferda.layers.random_map import RandomMultilinearMap
from ferda.losses.adversarial import domain_cross_entropy
from ferda.losses.entropy import entropy


def outer_product(probabilities: Tensor, features: Tensor) -> Tensor:
    """Return `vec(p f^T)` of every row, (B, C D), the class index running slowest.

    Args:
        probabilities: (B, C).
        features: (B, D).
    """
    return (probabilities.unsqueeze(2) * features.unsqueeze(1)).flatten(1)


class ConditionalAdversarialLoss(nn.Module):
    """Domain-adversarial loss on `g = vec(stopgrad(p) f^T)`, with or without entropy weights.

    Without weights every domain's mean counts half. With them

        e_i = 1 + exp(-H(p_i)),   v_i = e_i / stopgrad(sum of e over the row's domain),
        L = sum_i v_i BCE(D(g_i), d_i) / stopgrad(sum_i v_i),

    so again each domain counts half. The weights are of one batch, over all processes (gathered). Their own
    gradient, through H, is reversed with a coefficient of its own.

    Args:
        entropy_weights: CDAN+E (the paper's better one) instead of CDAN.
        random_map: Replaces the outer product where that would be too long; the critic then takes
            `random_map.width` numbers.
    """

    def __init__(self, entropy_weights: bool = True, random_map: RandomMultilinearMap | None = None) -> None:
        super().__init__()
        self.entropy_weights = entropy_weights
        self.random_map = random_map

    def forward(
        self,
        critic: nn.Module,
        source: tuple[Tensor, Tensor],
        target: tuple[Tensor, Tensor],
        reversal: float = 1.0,
        entropy_reversal: float | None = None,
    ) -> Tensor:
        """Return the scalar loss; minimising it trains the critic, and the features against it.

        Args:
            critic: Rows of `C D` numbers to logits, see `DomainCritic`.
            source: Features (B, D) and logits (B, C).
            target: Features (B', D) and logits (B', C).
            reversal: Strength of the gradient that reaches the features.
            entropy_reversal: The same for the gradient through the entropy weights; None is `reversal`.
        """
        features, logits = (torch.cat(pair) for pair in zip(source, target, strict=True))
        check_shape(features, "B D", "features")
        check_shape(logits, "B C", "logits", B=len(features))
        sizes = [len(source[0]), len(target[0])]
        probabilities = at_least_float32(logits).softmax(1)
        conditioned = self._condition(probabilities.detach(), features)
        errors = domain_cross_entropy(critic, *reverse_gradient(conditioned, reversal).split(sizes))
        if not self.entropy_weights:
            return (errors[0].mean() + errors[1].mean()) / 2
        strength = reversal if entropy_reversal is None else entropy_reversal
        certainty = 1 + torch.exp(-reverse_gradient(entropy(probabilities), strength))
        parts = []
        for error, weight in zip(errors, certainty.split(sizes), strict=True):
            both = gathered(torch.stack([error, weight], 1))
            parts.append((both[:, 0] * both[:, 1]).sum() / both[:, 1].sum().detach())
        return (parts[0] + parts[1]) / 2

    def _condition(self, probabilities: Tensor, features: Tensor) -> Tensor:
        if self.random_map is not None:
            conditioned: Tensor = self.random_map(probabilities.to(features), features)
            return conditioned
        return outer_product(probabilities.to(features), features)
