"""MCC: no alignment of domains, only less confusion between classes in the target.

Jin et al., "Minimum class confusion for versatile domain adaptation", ECCV 2020. The predictions of a target
batch say which classes are confused with which; that off-diagonal mass is minimised:

    L = L_task + lambda * L_mcc.

No further network. The estimate is of one batch, so the target batch should hold several rows of each class
(36 in the paper for 31 to 345 classes). Sources and target pass the network as one batch; the authors' code
does the same.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.class_confusion import ClassConfusionLoss
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class MCCConfig(ClassifierConfig):
    """Settings of MCC.

    Attributes:
        confusion_weight: lambda (paper: 1).
        temperature: Softens the predictions (paper: 2.5).
    """

    confusion_weight: float = Field(default=1.0, ge=0)
    temperature: float = Field(default=2.5, gt=0)


class MCC(ClassifierMethod):
    """Minimum class confusion.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains.
    """

    Config = MCCConfig

    def __init__(self, config: MCCConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.confusion = ClassConfusionLoss(config.temperature)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and the class confusion of the target.

        Args:
            batch: Sources and target.
            progress: Not used.
        """
        source, target = self.together(batch)
        return {
            "task": self.task_loss(source.logits, batch.pooled.labels),
            "confusion": self.config.confusion_weight * self.confusion(target.logits),
        }
