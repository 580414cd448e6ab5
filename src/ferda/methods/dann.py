"""DANN: features from which a critic cannot tell source from target.

Ganin et al., "Domain-adversarial training of neural networks", JMLR 2016. A critic learns to separate the
domains; its gradient reaches the features reversed, so they learn to be inseparable:

    L = L_task + lambda_adv * L_adv,   reversal 2 / (1 + exp(-10 p)) - 1  with p the done fraction.

All domains pass the network as one batch. The critic has the sizes of CDAN's code (512-512-1, dropout) where
the paper's digits network has two layers of 1024 with batch norm.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress
from ferda.layers.grl import reversal_coefficient
from ferda.losses.adversarial import DomainAdversarialLoss, DomainCritic
from ferda.losses.class_confusion import ClassConfusionLoss
from ferda.methods.base import ParameterGroup
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class DANNConfig(ClassifierConfig):
    """Settings of DANN.

    Attributes:
        adversarial_weight: lambda_adv.
        critic_hidden: Width of the critic's hidden layers.
        critic_rate: Factor on the learning rate of the critic.
        confusion_weight: Adds minimum class confusion on the target, which goes well with a critic (Jin et
            al., ECCV 2020, propose it as a regulariser, too); 0 is the plain method.
    """

    adversarial_weight: float = Field(default=1.0, ge=0)
    critic_hidden: int = Field(default=512, ge=1)
    critic_rate: float = Field(default=1.0, ge=0)
    confusion_weight: float = Field(default=0.0, ge=0)


class DANN(ClassifierMethod):
    """Domain-adversarial network.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one domain for the critic.
    """

    Config = DANNConfig

    def __init__(self, config: DANNConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.adversarial_weight = config.adversarial_weight
        self.critic_rate = config.critic_rate
        self.critic = DomainCritic(self.network.width, config.critic_hidden)
        self.adversarial: nn.Module = DomainAdversarialLoss()
        self.confusion_weight = config.confusion_weight
        self.confusion = ClassConfusionLoss()

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss, the adversarial loss and, if it has a weight, the class confusion.

        Args:
            batch: Sources and target.
            progress: Sets the strength of the reversal.
        """
        source, target = self.together(batch)
        domain = self.domain_loss(source, target, reversal_coefficient(progress.fraction))
        losses = {
            "task": self.task_loss(source.logits, batch.pooled.labels),
            "domain": self.adversarial_weight * domain,
        }
        if self.confusion_weight:
            losses["confusion"] = self.confusion_weight * self.confusion(target.logits)
        return losses

    def domain_loss(self, source: Output, target: Output, reversal: float) -> Tensor:
        """Return how well the critic tells the domains apart by the features.

        Args:
            source: Of the source rows.
            target: Of the target rows.
            reversal: Strength of the gradient that reaches the features.
        """
        loss: Tensor = self.adversarial(self.critic, source.features, target.features, reversal)
        return loss

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone and the critic at rates of their own.

        Args:
            stage: Any.
        """
        return (
            *super().parameter_groups(stage),
            ParameterGroup("critic", ("critic",), rate=self.critic_rate),
        )
