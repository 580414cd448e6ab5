"""SAR: move only where the ground is flat, and start again before it is too late.

Small or one-sided batches have noisy gradients, and steps along these make a model collapse. SAR takes the
step of Tent on sure rows, with the gradient from where the entropy near by is worst:

    w' = w + rho g / ||g||,   g the gradient of mean_{i in S} H_i at w,   S = {i: H_i(w) < E0},
    step along the gradient of mean_{i in S'} H_i at w',   S' = {i in S: H_i(w') < E0},   E0 = 0.4 ln C.

The moving mean of that last loss falls to nothing when all answers become one; below a limit, weights and
optimiser go back to the start. Niu et al., "Towards stable test-time adaptation in dynamic wild world", ICLR
2023. Their limit is 0.2 for the 1000 classes of ImageNet; we take the same share of ln C. They leave the last
of ResNet's four stages, and the last 3 of a ViT's 12 blocks, as they are; here it is the last quarter of the
norms of any network.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.batch import Output
from ferda.test_time.base import AdaptationConfig
from ferda.test_time.entropy_step import EntropyAdaptation, row_entropy


class SarConfig(AdaptationConfig):
    """Settings.

    Attributes:
        rate: Learning rate of SGD (paper: for batches of 64 and batch or group norm; 0.001 for layer norm).
        momentum: Of SGD.
        reliable: E0 as a share of ln C.
        radius: rho.
        memory: Weight of the past in the mean loss.
        recovery: Mean loss, as a share of ln C, below which all starts again.
        frozen: Share of the norms, the last ones, that do not learn.
    """

    rate: float = Field(default=0.00025, gt=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    reliable: float = Field(default=0.4, gt=0)
    radius: float = Field(default=0.05, gt=0)
    memory: float = Field(default=0.9, ge=0, lt=1)
    recovery: float = Field(default=0.2 / math.log(1000), ge=0)
    frozen: float = Field(default=0.25, ge=0, lt=1)


class Sar(EntropyAdaptation):
    """Minimises the entropy of sure rows, sharpness-aware, and recovers."""

    Config = SarConfig

    def chosen(self, layers: list[list[nn.Parameter]]) -> list[nn.Parameter]:
        """Return the weights of the first norms, of one at least.

        Args:
            layers: Weights of each norm, in the network's order.
        """
        count = max(1, round(len(layers) * (1 - self.config.frozen)))
        return super().chosen(layers[:count])

    def optimiser(self) -> torch.optim.Optimizer:
        """Return SGD."""
        return torch.optim.SGD(self.weights, lr=self.config.rate, momentum=self.config.momentum)

    def restore(self) -> None:
        """Take weights, optimiser and mean loss back to the start."""
        super().restore()
        self._mean: float | None = None

    def learn(self, output: Output, images: Tensor, landmarks: Tensor | None) -> None:
        """Take one step, if a row is sure here and uphill; start again if answers have become too sure.

        Args:
            output: Answers to the batch.
            images: (B, 3, H, W), which pass a second time.
            landmarks: (B, 5, 2), or None.
        """
        limit, recovery = (
            share * math.log(output.logits.shape[1]) for share in (self.config.reliable, self.config.recovery)
        )
        entropies = row_entropy(output.logits)
        sure = entropies.detach() < limit
        if not sure.any():
            return
        entropies[sure].mean().backward()
        here = self._climb()
        entropies = row_entropy(self.method(images, landmarks).logits)
        sure &= entropies.detach() < limit
        loss = entropies[sure].mean() if sure.any() else None
        if loss is not None:
            loss.backward()
        with torch.no_grad():
            for weight, value in zip(self.weights, here, strict=True):
                weight.copy_(value)
        if loss is None:
            return
        self.steps.step()
        past = loss.item() if self._mean is None else self._mean
        self._mean = self.config.memory * past + (1 - self.config.memory) * loss.item()
        if self._mean < recovery:
            self.restore()

    @torch.no_grad()
    def _climb(self) -> list[Tensor]:
        """Move uphill, forget the gradient, and return the weights of before."""
        here = [weight.detach().clone() for weight in self.weights]
        gradients = [torch.zeros_like(w) if w.grad is None else w.grad for w in self.weights]
        length = torch.stack([gradient.norm() for gradient in gradients]).norm()
        for weight, gradient in zip(self.weights, gradients, strict=True):
            weight.add_(gradient * (self.config.radius / (length + 1e-12)))
        self.steps.zero_grad(set_to_none=True)
        return here
