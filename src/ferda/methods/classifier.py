"""What the general methods share: one network, its settings, and the pass over all domains together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ferda.backbones.classifier import Classifier
from ferda.batch import DomainBatch, Output
from ferda.memory.class_shares import ClassShares
from ferda.methods.base import Method, MethodConfig, ParameterGroup


class ClassifierConfig(MethodConfig):
    """Settings of the network.

    Attributes:
        backbone: One of `ferda.list_backbones()`, or `timm/<name>`.
        backbone_options: What the backbone's family takes.
        weights: File with weights of the backbone to start from.
        backbone_rate: Factor on the learning rate of the backbone; 0.1 is usual with weights to start from.
        bottleneck: Width of a layer between backbone and head; None has none.
        dropout: Probability of dropping a feature before the head.
        label_smoothing: Share of a label spread over all classes, for hard labels.
        prior_strength: tau of logit adjustment (Menon et al., "Long-tail learning via logit adjustment", ICLR
            2021, equation 10): while it learns from sources, tau log pi is added to the logits, pi being the
            shares of the classes so far. 0 learns the sources' shares, 1 answers as if all were equal.
    """

    backbone: str = "ir18"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    backbone_rate: float = Field(default=1.0, ge=0)
    bottleneck: int | None = Field(default=None, ge=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    prior_strength: float = Field(default=0.0, ge=0)


def make_classifier(config: ClassifierConfig, classes: int) -> Classifier:
    """Return the network that settings describe.

    Args:
        config: Settings.
        classes: Number of classes `C`.
    """
    return Classifier(
        config.backbone,
        classes,
        options=config.backbone_options,
        weights=config.weights,
        bottleneck=config.bottleneck,
        dropout=config.dropout,
    )


class ClassifierMethod(Method):
    """A method whose network is a `Classifier`; subclasses add what they learn from.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains.
    """

    Config = ClassifierConfig
    training_only: ClassVar[tuple[str, ...]] = ("shares",)

    def __init__(self, config: ClassifierConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.label_smoothing = config.label_smoothing
        self.prior_strength = config.prior_strength
        self.shares = ClassShares(classes) if config.prior_strength else None
        self.backbone_rate = config.backbone_rate
        self.network = make_classifier(config, classes)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        output: Output = self.network(images)
        return output

    def together(self, batch: DomainBatch) -> tuple[Output, Output]:
        """Pass the sources and the target through the network as one batch, so that batch norm sees both.

        Args:
            batch: With a target.

        Returns:
            Outputs of all source rows and of the target rows.
        """
        assert batch.target is not None
        source = batch.pooled
        output: Output = self.network(torch.cat([source.images, batch.target.images]))
        n = len(source)
        return (
            Output(output.logits[:n], output.features[:n]),
            Output(output.logits[n:], output.features[n:]),
        )

    def task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy with classes or with distributions over them, in float32, and their prior taken out.

        Args:
            logits: (B, C).
            labels: (B,) classes or (B, C) shares.
        """
        logits = logits.float()
        if self.shares is not None:
            self.shares.count(labels)
            logits = logits + self.prior_strength * self.shares.log_prior()
        return torch.nn.functional.cross_entropy(logits, labels, label_smoothing=self.label_smoothing)

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone at its own rate.

        Args:
            stage: Any.
        """
        return (ParameterGroup("backbone", ("network.backbone",), rate=self.backbone_rate),)
