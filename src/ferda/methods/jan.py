"""JAN: features together with what is predicted from them shall be distributed alike in both domains.

Long et al., "Deep transfer learning with joint adaptation networks", ICML 2017. DAN aligns layers one by one;
here the kernel of a pair of rows is the product of the layers' kernels, which sees their joint distribution:

    L = L_task + lambda JMMD((f_s, p_s), (f_t, p_t)),   p = softmax(z),   k = exp(-D_f / b_f) exp(-D_p / b_p),

with D the squared distance, b its mean over the batch (the paper: the median over the data), and lambda
rising with the done fraction as 2 / (1 + exp(-10 x)) - 1. Sources and target pass the network as one batch,
and all pairs of it count; the paper's own estimate takes neighbouring rows only. The authors' code has five
Gaussians for the features and a fixed width for the probabilities: `feature_kernels: 5,
probability_width: 1.68`. The adversarial form, JAN-A, is not here.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.layers.grl import reversal_coefficient
from ferda.losses.joint_mmd import JointMMDLoss
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class JANConfig(ClassifierConfig):
    """Settings of JAN.

    Attributes:
        mmd_weight: Of the discrepancy, besides lambda.
        feature_kernels: Gaussians of the features' kernel, a factor of 2 apart.
        probability_width: b_p, if it shall not be that of the batch.
        constant_tradeoff: lambda, besides `mmd_weight`, if it shall not rise (the library of the authors'
            group: 1).
    """

    mmd_weight: float = Field(default=1.0, ge=0)
    feature_kernels: int = Field(default=1, ge=1)
    probability_width: float | None = Field(default=None, gt=0)
    constant_tradeoff: float | None = Field(default=None, ge=0)


class JAN(ClassifierMethod):
    """Joint adaptation network.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = JANConfig

    def __init__(self, config: JANConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.joint_mmd = JointMMDLoss((config.feature_kernels, 1), (None, config.probability_width))

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and the joint discrepancy.

        Args:
            batch: Sources and target.
            progress: Sets lambda.
        """
        source, target = self.together(batch)
        apart = self.joint_mmd(*((part.features, part.probabilities) for part in (source, target)))
        tradeoff = self.config.constant_tradeoff
        if tradeoff is None:
            tradeoff = reversal_coefficient(progress.fraction)
        return {
            "task": self.task_loss(source.logits, batch.pooled.labels),
            "joint_mmd": tradeoff * self.config.mmd_weight * apart,
        }
