"""Tent: become surer of each batch.

Answers to faces of another camera are less certain than those to the training's. Tent answers for a batch
with batch norm's statistics of that batch, then takes one step that makes the answers surer:

    L = mean_i H(softmax(z_i)),

over the scales and shifts of the norms, so later batches gain from earlier ones. Wang et al., "Tent: fully
test-time adaptation by entropy minimization", ICLR 2021. Adam with rate 0.001 is theirs for small pictures
(SGD with 0.00025 for ImageNet); their batches are of 200 there, and of 64 for ImageNet. Dropout is off here.

Trap: nothing holds Tent back. On a long stream, at a high rate, or where faces come sorted by expression, it
ends by giving one answer to all.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import Output
from ferda.test_time.base import AdaptationConfig
from ferda.test_time.entropy_step import EntropyAdaptation, row_entropy


class TentConfig(AdaptationConfig):
    """Settings.

    Attributes:
        rate: Learning rate of Adam.
    """

    rate: float = Field(default=1e-3, gt=0)


class Tent(EntropyAdaptation):
    """Minimises the mean entropy of every batch."""

    Config = TentConfig

    def optimiser(self) -> torch.optim.Optimizer:
        """Return Adam, without weight decay."""
        return torch.optim.Adam(self.weights, lr=self.config.rate)

    def learn(self, output: Output, images: Tensor, landmarks: Tensor | None) -> None:
        """Take one step on the mean entropy.

        Args:
            output: Answers to the batch.
            images: Not looked at again.
            landmarks: Likewise.
        """
        row_entropy(output.logits).mean().backward()
        self.steps.step()
