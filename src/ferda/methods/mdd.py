"""MDD: an adversary tries to answer as the classifier does on the source, and otherwise on the target.

Zhang et al., "Bridging theory and algorithm for domain adaptation", ICML 2019. The adversary is a second
head. Where the domains lie apart it can do both; the features learn that it cannot, and the paper shows that
this bounds the classifier's loss on the target. With h the classifier's answers and z' the adversary's
logits, whose features are reversed:

    L = CE(z_s, y) + lambda_d (gamma CE(z'_s; h_s) - log(1 - softmax(z'_t)_{h_t})),
    reversal 0.1 (2 / (1 + exp(-t / 1000)) - 1)  with t the step.

Both domains pass the network as one batch, through a bottleneck and heads of two layers as in the paper. The
logarithm is taken of logits, where the authors' code takes it of a probability and may meet log 0.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress
from ferda.layers.grl import reversal_coefficient, reverse_gradient
from ferda.losses.margin_disparity import MarginDisparityLoss
from ferda.methods.two_heads import TwoHeadConfig, TwoHeadMethod


class MDDConfig(TwoHeadConfig):
    """Settings of MDD; the defaults are the paper's for Office-31.

    Attributes:
        bottleneck: Width of a layer between backbone and heads; None has none.
        dropout: Probability of dropping a feature before the heads.
        head_width: Of the hidden layer of each head.
        disparity_weight: lambda_d.
        gamma: Exponential of the margin (paper: 2 to 4).
        reversal: Limit of the reversal's strength.
        reversal_steps: Steps after which it is almost half of that.
    """

    bottleneck: int | None = Field(default=1024, ge=1)
    dropout: float = Field(default=0.5, ge=0, lt=1)
    head_width: int = Field(default=1024, ge=1)
    disparity_weight: float = Field(default=1.0, ge=0)
    gamma: float = Field(default=4.0, ge=0)
    reversal: float = Field(default=0.1, ge=0)
    reversal_steps: int = Field(default=1000, ge=1)


class MDD(TwoHeadMethod):
    """Margin disparity discrepancy.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = MDDConfig

    def __init__(self, config: MDDConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.disparity = MarginDisparityLoss(config.gamma)

    def make_head(self, width: int, config: TwoHeadConfig) -> nn.Module:
        """Return a head of two layers, with dropout between.

        Args:
            width: D.
            config: Settings.
        """
        hidden = config.head_width
        return nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Dropout(config.head_dropout),
            nn.Linear(hidden, self.classes),
        )

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; the adversary has no say.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        features = self.features(images)
        return Output(self.heads[0](features), features)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss, and the `disparity` that the adversary minimises.

        Args:
            batch: Sources and target.
            progress: Sets the strength of the reversal.
        """
        assert batch.target is not None
        config, sizes = self.config, [len(batch.pooled), len(batch.target)]
        features = self.together(batch)
        strength = reversal_coefficient(progress.step / config.reversal_steps, 1.0, config.reversal)
        answers = self.heads[0](features).split(sizes)
        doubts = self.heads[1](reverse_gradient(features, strength)).split(sizes)
        disparity = self.disparity((answers[0], doubts[0]), (answers[1], doubts[1]))
        return {
            "task": self.task_loss(answers[0], batch.pooled.labels),
            "disparity": config.disparity_weight * disparity,
        }
