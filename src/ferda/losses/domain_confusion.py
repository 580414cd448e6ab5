"""Domain confusion: features on which a critic of domains can only shrug.

Tzeng et al., "Simultaneous deep transfer across domains and tasks", ICCV 2015. Instead of reversing the
critic's gradient, the features ask for its indecision; the critic learns in an update of its own
(`ferda.losses.adversarial.DomainAdversarialLoss` on detached features).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32


class DomainConfusionLoss(nn.Module):
    """`L = (mean_s e(f_s) + mean_t e(f_t)) / 2` with `e(f) = (BCE(D(f), 1) + BCE(D(f), 0)) / 2`.

    It is least, log 2, where the critic D says one half. Each domain counts half, whatever the sizes. A mean
    over rows needs no other process's rows (local).
    """

    def forward(self, critic: nn.Module, source: Tensor, target: Tensor) -> Tensor:
        """Return the scalar loss for the features; the critic must not learn from it.

        Args:
            critic: Rows (B, D) to logits (B,).
            source: (B, D) features.
            target: (B', D) features.
        """
        check_shape(source, "B D", "source")
        check_shape(target, "B D", "target", D=source.shape[1])
        logits = at_least_float32(critic(torch.cat([source, target])))
        errors = functional.softplus(logits) - logits / 2
        of_source, of_target = errors.split([len(source), len(target)])
        return (of_source.mean() + of_target.mean()) / 2
