"""What the methods without source faces share: a trained run's network, and a look at the whole target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor

from ferda.backbones.classifier import Classifier
from ferda.batch import DomainBatch, Output, Unlabelled
from ferda.methods.base import Method, MethodConfig, Needs, ParameterGroup, TargetView


class SourceFreeConfig(MethodConfig):
    """Settings of the network, which a run takes from the model that it starts from.

    Attributes:
        backbone: That of the model to start from.
        backbone_options: Likewise.
        bottleneck: Likewise.
        backbone_rate: Factor on the learning rate of the backbone (papers: 0.1).
    """

    backbone: str = "ir18"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    bottleneck: int | None = Field(default=None, ge=1)
    backbone_rate: float = Field(default=1.0, ge=0)


class SourceFreeMethod(Method):
    """A method that adapts a trained `Classifier` by target faces alone; subclasses say how.

    Nothing is dropped before the head, whatever the start's training did: the papers do not.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Not used: there are none.
    """

    Config = SourceFreeConfig
    needs = Needs(sources=False, source_model=True)
    training_only = ("memory",)

    def __init__(self, config: SourceFreeConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.backbone_rate = config.backbone_rate
        self.network = Classifier(
            config.backbone, classes, options=config.backbone_options, bottleneck=config.bottleneck
        )

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        output: Output = self.network(images)
        return output

    def rows_of(self, batch: DomainBatch) -> tuple[Unlabelled, Tensor]:
        """Return a batch's target rows, and (B,) which rows of the target domain they are.

        Args:
            batch: Whose sources, if there are any, are not looked at.

        Raises:
            ValueError: If there is no target, or nobody says which rows it has.
        """
        if batch.target is None or batch.target.index is None:
            raise ValueError("a method without sources needs target rows and their index")
        return batch.target, batch.target.index

    @torch.no_grad()
    def whole(self, target: TargetView) -> Output:
        """Return what the network says of the whole target, row by row in its order.

        Args:
            target: Shown without augmentation; batch norm uses its running statistics.
        """
        self.eval()
        index, logits, features = [], [], []
        for rows in target.batches():
            assert rows.index is not None
            said = self.network(rows.images)
            index.append(rows.index)
            logits.append(said.logits.float())
            features.append(said.features.float())
        order = torch.cat(index).argsort()
        return Output(torch.cat(logits)[order], torch.cat(features)[order])

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone at its own rate.

        Args:
            stage: Any.
        """
        return (ParameterGroup("backbone", ("network.backbone",), rate=self.backbone_rate),)
