"""ECAN: DETN, and each class of the target is drawn to the same class of the source; a baseline of CD-FER.

Li and Deng, "A deeper look at facial expression dataset bias", IEEE Transactions on Affective Computing 2020,
in the form of the CD-FER benchmark (Chen et al., IEEE TPAMI 2022), on its global-local network. To DETN's
losses comes the discrepancy class by class, the target's classes being those predicted every 20th epoch:

    L = L_detn + lambda_c sum_c [mean_{i!=j} k(s_i, s_j) + mean_{i!=j} k(t_i, t_j) - 2 mean_ij k(s_i, t_j)]

over the rows s and t of class c. The benchmark's program adds the last term by mistake, which drives the
domains' rows of a class apart (`between`), so its printed 58.63 % on average with IR-50 from RAF-DB says
little of the method. It also fills the target's batches with equally many rows of each predicted class; here
a class counts in a batch if both domains have two rows of it.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch
from ferda.losses.class_kernel import ConditionalMMDLoss
from ferda.memory.rows import RowMemory
from ferda.methods.detn import DETN, DETNConfig


class ECANConfig(DETNConfig):
    """Settings; the defaults are the benchmark's numbers.

    Attributes:
        conditional_weight: lambda_c.
        between: What becomes of two rows of a class of both domains: they are `drawn` together, or `driven`
            apart as in the benchmark's program.
    """

    conditional_weight: float = Field(default=1.0, ge=0)
    between: Literal["drawn", "driven"] = "drawn"


class ECAN(DETN):
    """A global-local network whose domains meet as a whole and class by class.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = ECANConfig
    training_only = ("guesses",)

    def __init__(self, config: ECANConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.conditional_weight = config.conditional_weight
        self.conditional = ConditionalMMDLoss(
            config.kernel, config.kernel_width, config.pairs == "once", config.between == "driven"
        )
        self.guesses = RowMemory(labels=torch.zeros(0, dtype=torch.int64))

    def alignment(self, batch: DomainBatch, seen: Tensor, unseen: Tensor) -> dict[str, Tensor]:
        """Return the losses that join the domains.

        Args:
            batch: Sources and target; the target's rows have an index.
            seen: (B, D) features of the source rows.
            unseen: (B', D) of the target rows.
        """
        assert batch.target is not None
        if batch.target.index is None:
            raise ValueError("ecan needs the index of the target rows")
        guessed: Tensor = self.guesses.get_buffer("labels")[batch.target.index]
        labels = batch.pooled.hard_labels
        conditional = self.conditional(seen, unseen, labels, guessed, self.classes)
        losses = super().alignment(batch, seen, unseen)
        return losses | {"conditional": self.conditional_weight * conditional}

    def remember(self, labels: Tensor) -> None:
        """Keep what the predictions say of the target, and of each of its rows.

        Args:
            labels: (N,) classes in the order of its rows.
        """
        super().remember(labels)
        self.guesses.fill(labels=labels)
