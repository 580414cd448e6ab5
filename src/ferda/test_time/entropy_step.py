"""What entropy-minimising adaptations share: which weights move, and which statistics normalise meanwhile.

Only the scales and shifts of normalising layers learn, a thousandth of a network. Batch norm normalises with
the statistics of the batch at hand. A batch of one face has none that mean anything: it is answered with
those of training and the weights as they are, and teaches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ferda.batch import Output
from ferda.errors import UserError
from ferda.layers.precision import at_least_float32
from ferda.test_time.base import Adaptation, SourceKnowledge

BatchNorm = nn.modules.batchnorm._BatchNorm
_NORMS = (BatchNorm, nn.GroupNorm, nn.LayerNorm, nn.modules.instancenorm._InstanceNorm)


class EntropyAdaptation(Adaptation):
    """Learns the affine parameters of the norms from the answers to each batch; subclasses say how."""

    def prepare(self, source: SourceKnowledge | None) -> None:
        """Choose the weights that will learn.

        Args:
            source: Not looked at here.

        Raises:
            UserError: If the network has no norm with weights.
        """
        self._batch_norms = [module for module in self.method.modules() if isinstance(module, BatchNorm)]
        for norm in self._batch_norms:
            # the statistics of training stay what they are, whatever passes
            norm.momentum = 0.0
        self.weights = self.chosen(affine_weights(self.method))
        if not self.weights:
            raise UserError(
                "This adaptation teaches the scales and shifts of batch, group or layer norms, and this "
                "network has none; use t3a or prior_shift."
            )
        for weight in self.weights:
            weight.requires_grad_(True)
        self.start = [weight.detach().clone() for weight in self.weights]

    def chosen(self, layers: list[list[nn.Parameter]]) -> list[nn.Parameter]:
        """Return the weights that learn: all.

        Args:
            layers: Weights of each norm, in the network's order.
        """
        return [weight for layer in layers for weight in layer]

    def optimiser(self) -> torch.optim.Optimizer:
        """Return a new optimiser of the weights that learn."""
        raise NotImplementedError

    def learn(self, output: Output, images: Tensor, landmarks: Tensor | None) -> None:
        """Take one step; gradients are on.

        Args:
            output: Answers to the batch, with their graph.
            images: (B, 3, H, W).
            landmarks: (B, 5, 2), or None.
        """
        raise NotImplementedError

    def reset(self) -> None:
        """Give the weights of training back."""
        super().reset()
        self.restore()

    def restore(self) -> None:
        """Take weights and optimiser back to the start."""
        with torch.no_grad():
            for weight, value in zip(self.weights, self.start, strict=True):
                weight.copy_(value)
        self.steps = self.optimiser()

    def adapt(self, images: Tensor, landmarks: Tensor | None) -> Output:
        """Answer with the weights so far, then learn.

        Args:
            images: (B, 3, H, W).
            landmarks: (B, 5, 2), or None.
        """
        self.normalise_by_batch(len(images) > 1)
        if len(images) == 1:
            return self.method(images, landmarks)
        with torch.enable_grad():
            output: Output = self.method(images, landmarks)
            self.steps.zero_grad(set_to_none=True)
            self.learn(output, images, landmarks)
        return output

    def normalise_by_batch(self, is_on: bool) -> None:
        """Let batch norms use the statistics of the batch, or those of training.

        Args:
            is_on: The former.
        """
        for norm in self._batch_norms:
            norm.train(is_on)


def affine_weights(network: nn.Module) -> list[list[nn.Parameter]]:
    """Return scale and shift of each normalising layer that has them, in the network's order.

    Args:
        network: Any.
    """
    norms: Iterable[Any] = (module for module in network.modules() if isinstance(module, _NORMS))
    layers = [[weight for weight in (norm.weight, norm.bias) if weight is not None] for norm in norms]
    return [layer for layer in layers if layer]


def row_entropy(logits: Tensor) -> Tensor:
    """Return the entropy of each answer in nats, (B,), with its gradient.

    Args:
        logits: (B, C).
    """
    certain = at_least_float32(logits).log_softmax(1)
    return -(certain.exp() * certain).sum(1)
