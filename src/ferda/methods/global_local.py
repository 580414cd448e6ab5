"""The global-local network of AGLRLS and of the CD-FER benchmark: settings, pass over both domains, heads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.backbones import create_backbone
from ferda.backbones.base import StagedBackbone
from ferda.backbones.global_local import POINTS, GlobalLocalFeatures
from ferda.batch import DomainBatch, Labelled, Output, Unlabelled
from ferda.errors import UserError
from ferda.losses.heads import head_cross_entropy
from ferda.methods.base import Method, MethodConfig, Needs, ParameterGroup


class GlobalLocalConfig(MethodConfig):
    """Settings of the network; the defaults are those of the CD-FER benchmark.

    Attributes:
        backbone: `ir50`, `ir18`, `mobilenet_aglrls`, or `ir_small` for small pictures and one CPU core.
        backbone_options: What the backbone's family takes.
        weights: File of a face recogniser to start from (authors: trained on MS-Celeb-1M).
        part_width: Features of each of the six parts.
        window: Odd side of the landmark windows in cells; None is 7 at 112 pixels, less on smaller maps.
        part_rate: Factor on the learning rate of everything after the backbone.
        critic_rate: The same for critics.
    """

    backbone: str = "ir50"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    part_width: int = Field(default=64, ge=1)
    window: int | None = Field(default=None, ge=1)
    part_rate: float = Field(default=10.0, ge=0)
    critic_rate: float = Field(default=10.0, ge=0)


class GlobalLocalMethod(Method):
    """A method on global and local parts; subclasses add heads, critics and what they learn from.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = GlobalLocalConfig
    explained = "features.backbone"

    def __init__(self, config: GlobalLocalConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.rates = {"parts": config.part_rate, "critics": config.critic_rate}
        backbone = create_backbone(config.backbone, config.weights, **config.backbone_options)
        if not isinstance(backbone, StagedBackbone):
            raise UserError(
                "This method cuts windows from the maps of ir50, ir18, ir_small or mobilenet_aglrls; "
                f"'{config.backbone}' has none it knows."
            )
        self.features = GlobalLocalFeatures(backbone, config.part_width, config.window)

    def together(self, batch: DomainBatch) -> tuple[Tensor, int]:
        """Pass sources and target as one batch, so that batch norm sees both.

        Args:
            batch: With a target.

        Returns:
            Parts (B, 6, part_width) of all rows, and how many of them are source rows.
        """
        assert batch.target is not None
        source, target = batch.pooled, batch.target
        landmarks = torch.cat([_landmarks(source), _landmarks(target)])
        return self.features(torch.cat([source.images, target.images]), landmarks), len(source)

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone; every other child faster; critics, if there are any, at their own rate.

        Args:
            stage: Any.
        """
        children = [
            name
            for name, child in self.named_children()
            if name not in {"features", "critics"} and any(True for _ in child.parameters())
        ]
        parts = [f"features.{name}" for name, _ in self.features.named_children() if name != "backbone"]
        groups = [
            ParameterGroup("backbone", ("features.backbone",)),
            ParameterGroup("parts", (*parts, *children), rate=self.rates["parts"]),
        ]
        if hasattr(self, "critics"):
            groups.append(ParameterGroup("critics", ("critics",), rate=self.rates["critics"]))
        return groups


class BenchmarkMethod(GlobalLocalMethod):
    """A baseline of the CD-FER benchmark: a head for all parts, which decides, and one for the local ones.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    needs = Needs(landmarks=True)
    sampling = "pooled"

    def __init__(self, config: GlobalLocalConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.head = linear_head(self.features.width, classes)
        self.local_head = linear_head(self.features.width - config.part_width, classes)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; `views` has the logits of the `local` head.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; None or NaN takes those of an average face.
        """
        return self.answer(self.features(images, landmarks).flatten(1))

    def answer(self, features: Tensor) -> Output:
        """Return what both heads say of (B, D) features."""
        local = self.local_head(features[:, -self.local_head.in_features :])
        return Output(self.head(features), features, {"local": local})

    def task_loss(self, answer: Output, labels: Tensor) -> Tensor:
        """Return the sum of both heads' cross-entropies.

        Args:
            answer: Of the source rows, after which others may follow.
            labels: (B,) classes or (B, C) shares.
        """
        logits = torch.stack([answer.logits, answer.views["local"]])
        return head_cross_entropy(logits[:, : len(labels)], labels).sum()


def linear_head(width: int, classes: int) -> nn.Linear:
    """Return a linear layer with Xavier's normal weights and no bias to begin with, as the benchmark has it.

    Args:
        width: Features.
        classes: Number of classes `C`.
    """
    head = nn.Linear(width, classes)
    nn.init.xavier_normal_(head.weight)
    nn.init.zeros_(head.bias)
    return head


def _landmarks(rows: Labelled | Unlabelled) -> Tensor:
    if rows.landmarks is not None:
        return rows.landmarks
    return torch.full((len(rows), POINTS, 2), torch.nan, device=rows.images.device)
