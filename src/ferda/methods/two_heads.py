"""What MCD and MDD share: a backbone with two heads that look at the same features."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ferda.batch import DomainBatch
from ferda.layers.precision import at_least_float32
from ferda.methods.base import Method, ParameterGroup
from ferda.methods.classifier import ClassifierConfig, make_classifier


class TwoHeadConfig(ClassifierConfig):
    """Settings of the network.

    Attributes:
        head_width: Of the hidden layers of each head.
        head_dropout: Probability of dropping one of a head's numbers.
        head_rate: Factor on the learning rate of the heads.
    """

    head_width: int = Field(default=1000, ge=1)
    head_dropout: float = Field(default=0.5, ge=0, lt=1)
    head_rate: float = Field(default=1.0, ge=0)


class TwoHeadMethod(Method):
    """A backbone, an optional bottleneck and two heads; subclasses add what they learn from.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = TwoHeadConfig

    def __init__(self, config: TwoHeadConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.label_smoothing = config.label_smoothing
        self.rates = {"backbone": config.backbone_rate, "heads": config.head_rate}
        single = make_classifier(config, classes)
        self.features = nn.Sequential(
            OrderedDict(backbone=single.backbone, bottleneck=single.bottleneck, dropout=single.dropout)
        )
        self.heads = nn.ModuleList(self.make_head(single.width, config) for _ in range(2))

    def make_head(self, width: int, config: TwoHeadConfig) -> nn.Module:
        """Return an untrained head, features (B, D) to logits (B, C).

        Args:
            width: D.
            config: Settings.
        """
        raise NotImplementedError

    def together(self, batch: DomainBatch) -> Tensor:
        """Return the features (B + B', D) of sources and target, passed as one batch, the sources' first.

        Args:
            batch: With a target.
        """
        assert batch.target is not None
        features: Tensor = self.features(torch.cat([batch.pooled.images, batch.target.images]))
        return features

    def task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy with classes or with distributions over them, in float32 or better.

        Args:
            logits: (B, C).
            labels: (B,) classes or (B, C) shares.
        """
        return functional.cross_entropy(
            at_least_float32(logits), labels, label_smoothing=self.label_smoothing
        )

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone and the heads at rates of their own.

        Args:
            stage: Any.
        """
        return (
            ParameterGroup("backbone", ("features.backbone",), rate=self.rates["backbone"]),
            ParameterGroup("heads", ("heads",), rate=self.rates["heads"]),
        )
