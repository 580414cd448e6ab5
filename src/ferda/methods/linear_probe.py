"""Linear probe: the network stays as it is, and one linear layer learns. The floor under all training.

What a network already knows of expressions, for instance one that was trained to recognise people: its
features are standardised, then classified linearly, and nothing else moves:

    L = mean_i CE(W (f_i - m) / s + b, y_i),   with running means m and deviations s of the source's features.

Standardising before a linear head (batch norm without weights) is that of He et al., "Masked autoencoders are
scalable vision learners", CVPR 2022. The backbone is in evaluation mode throughout, so its batch norms do not
follow the data either. No target face is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from pydantic import field_validator
from torch import nn

from ferda.methods.base import ParameterGroup
from ferda.methods.classifier import ClassifierConfig
from ferda.methods.source_only import SourceOnly


class LinearProbeConfig(ClassifierConfig):
    """Settings of the linear probe.

    Attributes:
        backbone_rate: 0, for the backbone does not learn.
        bottleneck: None, for no other layer learns.
    """

    backbone_rate: float = 0.0
    bottleneck: int | None = None

    @field_validator("backbone_rate", "bottleneck")
    @classmethod
    def _learns_not(cls, value: float | None) -> float | None:
        if value:
            raise ValueError("only the head of a linear probe learns")
        return value


class LinearProbe(SourceOnly):
    """A linear head on a network that is frozen.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains.
    """

    Config = LinearProbeConfig

    def __init__(self, config: LinearProbeConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.network.bottleneck = nn.BatchNorm1d(self.network.width, affine=False)
        self.network.backbone.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> Self:
        """Switch to training or evaluation, all but the backbone.

        Args:
            mode: True to train.
        """
        super().train(mode)
        self.network.backbone.eval()
        return self

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The head, all that learns.

        Args:
            stage: Any.
        """
        return (ParameterGroup("head", ("network.head",)),)
