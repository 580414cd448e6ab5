"""Deep CORAL: the logits of two domains shall vary together in the same way.

Sun and Saenko, "Deep CORAL: correlation alignment for deep domain adaptation", ECCV 2016 workshops. Beside
the task the covariances of the last layer are made equal; its means may differ:

    L = L_task + lambda ||C_s - C_t||_F^2 / (4 D^2),   C the covariance of a domain's rows of D numbers.

Sources and target pass the network as one batch. The paper aligns the output of the last layer, before the
softmax, and chooses lambda so that both losses are about equal at the end of training; other programs align
the features (`layer`), or compute something else under this name (`definition`).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.coral import CoralDefinition, CoralLoss
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class DeepCoralConfig(ClassifierConfig):
    """Settings of Deep CORAL.

    Attributes:
        coral_weight: lambda; the paper gives a rule instead of a number.
        layer: What is aligned: `logits`, or `features`.
        definition: See `ferda.losses.coral.CoralLoss`.
    """

    coral_weight: float = Field(default=1.0, ge=0)
    layer: Literal["logits", "features"] = "logits"
    definition: CoralDefinition = "paper"


class DeepCoral(ClassifierMethod):
    """Correlation alignment of one layer.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = DeepCoralConfig

    def __init__(self, config: DeepCoralConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.coral = CoralLoss(config.definition)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and the distance of the covariances.

        Args:
            batch: Sources and target.
            progress: Not used.
        """
        source, target = self.together(batch)
        rows = (
            (part.logits if self.config.layer == "logits" else part.features) for part in (source, target)
        )
        return {
            "task": self.task_loss(source.logits, batch.pooled.labels),
            "coral": self.config.coral_weight * self.coral(*rows),
        }
