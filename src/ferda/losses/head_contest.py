"""Two heads look for target rows on which they differ, and the features learn to leave them none.

Saito et al., "Maximum classifier discrepancy for unsupervised domain adaptation" (MCD), CVPR 2018. Target
rows far from the source are those on which two good classifiers disagree. Every batch makes several optimiser
steps: all learn the task; the heads alone learn the task and to disagree on the target; the features alone
learn to make them agree.
"""

from __future__ import annotations

from torch import Tensor, nn

from ferda.batch import Update


class HeadContest(nn.Module):
    """What each of a step's updates minimises: `L`, `L - w D`, and `w D` as often as said.

    Args:
        discrepancy: D, of (2, B, C) logits of the target.
        weight: w.
        repeats: Updates of the features.
    """

    def __init__(self, discrepancy: nn.Module, weight: float = 1.0, repeats: int = 1) -> None:
        super().__init__()
        self.discrepancy = discrepancy
        self.weight = weight
        self.repeats = repeats

    def updates(self, heads: str, features: str) -> tuple[Update, ...]:
        """Return the optimiser steps of a batch.

        Args:
            heads: Dotted name of the method's child that holds both heads.
            features: Of the one that makes the features.
        """
        agree = (Update(f"agree_{time}", (features,)) for time in range(1, self.repeats + 1))
        return (Update("task"), Update("disagree", (heads,)), *agree)

    def forward(self, update: str, learned: dict[str, Tensor], logits: Tensor) -> dict[str, Tensor]:
        """Return the named losses of an update; `discrepancy` is D as the features meet it.

        Args:
            update: Its name.
            learned: L, by name.
            logits: (2, B, C) of the target.
        """
        if update == "task":
            return learned
        apart: Tensor = self.weight * self.discrepancy(logits)
        return {**learned, "disagreement": -apart} if update == "disagree" else {"discrepancy": apart}
