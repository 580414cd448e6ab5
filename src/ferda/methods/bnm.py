"""BNM: predictions of the target that are certain and of many classes, by one norm.

Cui et al., "Towards discriminability and diversity: batch nuclear-norm maximization under label insufficient
situations", CVPR 2020. Entropy minimisation makes predictions certain and loses rare classes on the way. The
nuclear norm of a batch's predictions P (their singular values added up) grows with certainty and with the
number of classes alike:

    L = L_task - lambda ||P_t||_* / B.

No further network. The estimate is of one batch, which should hold several rows of each class. Sources and
target pass the network as one batch; in the authors' code they pass apart. Their code also divides by the
number of singular values instead of B (`mean`).
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.nuclear_norm import NuclearMean, NuclearNormLoss
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class BNMConfig(ClassifierConfig):
    """Settings of BNM.

    Attributes:
        norm_weight: lambda (paper: 1).
        mean: What the norm is divided by: `rows`, or `singular_values` as in the authors' code.
    """

    norm_weight: float = Field(default=1.0, ge=0)
    mean: NuclearMean = "rows"


class BNM(ClassifierMethod):
    """Batch nuclear-norm maximisation.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains.
    """

    Config = BNMConfig

    def __init__(self, config: BNMConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.nuclear_norm = NuclearNormLoss(config.mean)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and minus the nuclear norm of the target's predictions.

        Args:
            batch: Sources and target.
            progress: Not used.
        """
        source, target = self.together(batch)
        return {
            "task": self.task_loss(source.logits, batch.pooled.labels),
            "nuclear_norm": self.config.norm_weight * self.nuclear_norm(target.logits),
        }
