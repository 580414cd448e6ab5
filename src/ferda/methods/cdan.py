"""CDAN: a critic that is told the prediction, so that domains are aligned class by class.

Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018. The critic of DANN sees the outer
product of the prediction and the features; rows of which the classifier is sure count more (CDAN+E):

    L = L_task + lambda_adv * L_cdan,   reversal 2 / (1 + exp(-10 p)) - 1  with p the done fraction.

Where the outer product is longer than 4,096 numbers a randomised multilinear map replaces it, as in the paper
(section 3.2); its matrices are saved with the weights.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import Output
from ferda.layers.random_map import RandomMultilinearMap
from ferda.losses.adversarial import DomainCritic
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.methods.dann import DANN, DANNConfig


class CDANConfig(DANNConfig):
    """Settings of CDAN.

    Attributes:
        entropy_weights: CDAN+E, the better form in the paper.
        longest_product: Longest outer product that the critic takes as it is (paper: 4096).
        random_width: Length of the random map that replaces a longer one (authors' code: 1024).
    """

    entropy_weights: bool = True
    longest_product: int = Field(default=4096, ge=1)
    random_width: int = Field(default=1024, ge=1)


class CDAN(DANN):
    """Conditional domain-adversarial network.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one domain for the critic.
    """

    Config = CDANConfig

    def __init__(self, config: CDANConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        width, random_map = classes * self.network.width, None
        if width > config.longest_product:
            width = config.random_width
            random_map = RandomMultilinearMap(self.network.width, classes, width)
        self.critic = DomainCritic(width, config.critic_hidden)
        self.adversarial = ConditionalAdversarialLoss(config.entropy_weights, random_map)

    def domain_loss(self, source: Output, target: Output, reversal: float) -> Tensor:
        """Return how well the critic tells the domains apart by features and prediction together.

        Args:
            source: Of the source rows.
            target: Of the target rows.
            reversal: Strength of the gradient that reaches the features.
        """
        loss: Tensor = self.adversarial(
            self.critic, (source.features, source.logits), (target.features, target.logits), reversal
        )
        return loss
