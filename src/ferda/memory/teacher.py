"""A teacher: a network that nothing trains, whose weights follow those of its student.

Tarvainen and Valpola, "Mean teachers are better role models", NeurIPS 2017. The average of the weights of
many steps answers more steadily than those of one step do, so what it says of unlabelled pictures is worth
learning.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from ferda.batch import Progress


@torch.no_grad()
def follow_weights(average: nn.Module, network: nn.Module, share: float) -> None:
    """Move all weights of a network towards another's: `theta' <- theta' + share (theta - theta')`.

    Args:
        average: theta', a copy of the network; its buffers stay as they are.
        network: theta.
        share: Of the way, between 0 and 1; 1 copies.
    """
    averages: list[Tensor] = list(average.parameters())
    weights = [weight.detach() for weight in network.parameters()]
    torch._foreach_lerp_(averages, weights, share)


class Teacher(nn.Module):
    """Keeps `theta' <- a theta' + (1 - a) theta` once a step, with `a = min(decay, 1 - 1 / (t + 1))`.

    t is the step of the stage from 0, so each stage begins with a copy of its student. Nothing is dropped in
    its answers, and they carry no gradient; where the student normalises by the batch, so does the teacher by
    its own. A method names it in `training_only`, for it is no part of what is kept of a training; a run that
    goes on after a stop has it from its saved state.

    Args:
        network: The student, of which it is a copy.
        decay: The limit of a.
    """

    def __init__(self, network: nn.Module, decay: float = 0.999) -> None:
        super().__init__()
        self.decay = decay
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._last: tuple[str, int] | None = None

    def train(self, mode: bool = True) -> Teacher:
        """Let batch norm normalise by the batch, or by what it remembers; dropout stays off.

        Args:
            mode: By the batch.
        """
        super().train(False)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.train(mode)
        return self

    def follow(self, network: nn.Module, progress: Progress) -> None:
        """Take in the student's weights as they are at the start of a step.

        Args:
            network: The student.
            progress: A further call in the same step changes nothing: a step may have several updates, or
                pass its batch once more with weights that are put back (`ferda.engine.sharpness`).
        """
        place = (progress.stage, progress.step)
        if place != self._last:
            self._last = place
            follow_weights(self.network, network, 1 - min(self.decay, 1 - 1 / (progress.step + 1)))

    @torch.no_grad()
    def forward(self, *inputs: Any) -> Any:
        """Answer as the network does, without gradient."""
        return self.network(*inputs)
