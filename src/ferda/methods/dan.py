"""DAN: features and logits of two domains that look the same through many kernels.

Long et al., "Learning transferable features with deep adaptation networks", ICML 2015. What the last layers
answer depends most on the domain, so each of them is aligned, by the maximum mean discrepancy (MMD) under a
mixture of Gaussians of very different widths:

    L = L_task + lambda sum_l MMD(l_s, l_t),   l the features and the logits,
    k(x, y) = 1/m sum_u exp(-||x - y||^2 / b_u),   b_u from b / 256 to 256 b in steps of sqrt(2), m = 33.

Sources and target pass the network as one batch. We do otherwise than the paper: its three fully connected
layers are the features and the logits of our network; b is the mean squared distance within the batch, not
the median within the data; all kernels count alike, where a quadratic program weights them; and the MMD is
taken over all pairs of the batch (`estimate: linear_time` is from neighbouring rows, as theirs). The library
of the authors' group has five kernels in steps of 2 and adds them up: `kernels: 5, factor: 2, mmd_weight: 5`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.mmd import LinearTimeMMDLoss, MMDLoss
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class DANConfig(ClassifierConfig):
    """Settings of DAN.

    Attributes:
        mmd_weight: lambda; the paper chooses it for each task.
        kernels: m, number of Gaussians.
        factor: From one width to the next.
        estimate: `full`: over all pairs of the batch; `linear_time`: over neighbours, noisier.
    """

    mmd_weight: float = Field(default=1.0, ge=0)
    kernels: int = Field(default=33, ge=1)
    factor: float = Field(default=2**0.5, gt=1)
    estimate: Literal["full", "linear_time"] = "full"


class DAN(ClassifierMethod):
    """Deep adaptation network.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = DANConfig

    def __init__(self, config: DANConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        kind = MMDLoss if config.estimate == "full" else LinearTimeMMDLoss
        self.mmd = kind(config.kernels, config.factor)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and the discrepancy of both layers.

        Args:
            batch: Sources and target.
            progress: Not used.
        """
        source, target = self.together(batch)
        apart = self.mmd(source.features, target.features) + self.mmd(source.logits, target.logits)
        return {
            "task": self.task_loss(source.logits, batch.pooled.labels),
            # the loss adds its Gaussians, the paper takes their mean
            "mmd": self.config.mmd_weight / self.config.kernels * apart,
        }
