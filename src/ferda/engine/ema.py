"""An exponential moving average of a method's weights (Tarvainen and Valpola, NeurIPS 2017)."""

from __future__ import annotations

import copy
from typing import Any

import torch

from ferda.memory.teacher import follow_weights
from ferda.methods.base import Method


class WeightAverage:
    """Keeps theta' <- d theta' + (1 - d) theta; buffers (statistics, tables) are copied.

    Args:
        method: What is averaged.
        decay: d, between 0 and 1. Early on min(d, (1 + t) / (10 + t)) is used, so that the average does
            not remember the random start.
    """

    def __init__(self, method: Method, decay: float) -> None:
        self.decay = decay
        self.steps = 0
        self.method = copy.deepcopy(method).requires_grad_(False).eval()

    @torch.no_grad()
    def update(self, method: Method) -> None:
        """Take in the weights after a step.

        Args:
            method: The trained method.
        """
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        follow_weights(self.method, method, 1 - decay)
        for average, buffer in zip(self.method.buffers(), method.buffers(), strict=True):
            average.resize_(buffer.shape).copy_(buffer)

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs."""
        return {"steps": self.steps, "method": self.method.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue a saved average.

        Args:
            state: From `state_dict`.
        """
        self.steps = int(state["steps"])
        self.method.load_state_dict(state["method"])
