"""Trainings in short formats: what Fabric is given, and when a network is better off without."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from lightning.fabric import Fabric
from lightning.fabric.plugins import CheckpointIO, ClusterEnvironment, Precision
from lightning.fabric.plugins.precision import MixedPrecision
from torch import Tensor, nn

from ferda.engine.formats import Format
from ferda.landmarks import FIVE_POINTS
from ferda.methods.base import Method

#: Share of multiplications in depthwise convolutions from which training in bf16 is slower on a CPU: their
#: backward pass is (torch 2.15, Zen 4). Measured from 0.022 (0.7 of float32's time) to 0.126 (1.9 times).
DEPTHWISE_LIMIT = 0.025


class DomainMixedPrecision(MixedPrecision):
    """Fabric's mixed precision, except that batches pass as they are.

    Fabric casts every float of the input to float32, which ours are already, by rebuilding dataclasses; ours
    are frozen. It can be switched off, because the network is known later than Fabric must be made.
    """

    is_off = False

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return the context of a forward pass: autocast, or none."""
        return nullcontext() if self.is_off else super().forward_context()

    def convert_input(self, data: Any) -> Any:
        """Return the input unchanged.

        Args:
            data: Arguments of the forward pass.
        """
        return data


def fabric_plugins(
    precision: Format, device_type: str
) -> list[Precision | ClusterEnvironment | CheckpointIO]:
    """Return Fabric's plugins for a format: none for fp32.

    Args:
        precision: The chosen format.
        device_type: `cpu`, `cuda`, ...
    """
    if precision == "fp32":
        return []
    return [DomainMixedPrecision("bf16-mixed" if precision == "bf16" else "16-mixed", device=device_type)]


def spare_depthwise(fabric: Fabric, method: Method, size: int) -> None:
    """Go back to float32 if bf16 was chosen for a CPU and would slow this network down.

    Args:
        fabric: Made with `fabric_plugins`.
        method: On the CPU.
        size: Side of its pictures in pixels.
    """
    precision = fabric.strategy.precision
    if fabric.device.type != "cpu" or not isinstance(precision, DomainMixedPrecision):
        return
    share = depthwise_share(method, size)
    if share >= DEPTHWISE_LIMIT:
        precision.is_off = True
        logging.getLogger("ferda").info(
            "precision fp32 after all: %.0f %% of this network's multiplications are depthwise, which train "
            "slower in bf16 on a CPU",
            100 * share,
        )


@torch.inference_mode()
def depthwise_share(method: Method, size: int) -> float:
    """Return which share of the multiplications in convolutions and linear layers is depthwise.

    Args:
        method: Answers for one blank picture; is left in the mode it was in.
        size: Side of the picture in pixels.
    """
    counts = {True: 0, False: 0}

    def count(module: nn.Conv2d | nn.Linear, given: Any, answer: Tensor) -> None:
        is_depthwise = isinstance(module, nn.Conv2d) and 1 < module.groups == module.in_channels
        counts[is_depthwise] += answer.numel() * module.weight[0].numel()

    layers = [module for module in method.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    was_training = method.training
    points = torch.full((1, len(FIVE_POINTS), 2), size / 2) if method.needs.landmarks else None
    method.eval()(torch.zeros(1, 3, size, size), points)
    method.train(was_training)
    for hook in hooks:
        hook.remove()
    return counts[True] / max(sum(counts.values()), 1)
