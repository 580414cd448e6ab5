"""DDAMFN: attention heads that look along rows and columns, and must not all look at the same places.

Zhang et al., "A dual-direction attention mixed feature network for facial expression recognition",
Electronics 12(17), 2023. A light face recogniser gives a map x of 7 x 7 places; K heads h turn it into
attention, the strongest head at each place counts, and learnt weights pool what is left:

    f = P(x * max_k h_k(x)),   L = CE(W f, y) + 0.1 L_att,   L_att = pairs / sum_{i<j} mean((h_i - h_j)^2).

It learns from labelled faces alone. DDAMFN++ is the same network on faces aligned to one of five poses (crop
`retinaface5pose`), trained with sharpness-aware minimisation (`training.sam`); the recipes `ddamfn_*` have
both. Start from a face recogniser (`method.weights`): without, the authors report far worse results. As the
paper's text was not at hand, this follows the authors' code; not kept are its layers without use.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ferda.backbones.upstream_ddamfn import method_names
from ferda.backbones.weights import load_weights
from ferda.batch import DomainBatch, Output, Progress
from ferda.layers.coordinate_attention import DirectionAttention
from ferda.layers.mixed_depthwise import GlobalDepthwise
from ferda.losses.attention_diversity import AttentionDiversityLoss
from ferda.methods.base import Needs
from ferda.methods.last_map import LastMapConfig, LastMapMethod


class DDAMFNConfig(LastMapConfig):
    """Settings; the defaults are the authors' code.

    Attributes:
        heads: K.
        attention_weight: Of the attention diversity.
        attention_epsilon: Keeps the diversity finite when heads agree.
    """

    heads: int = Field(default=2, ge=1)
    attention_weight: float = Field(default=0.1, ge=0)
    attention_epsilon: float = Field(default=2.0**-52, gt=0)


class DDAMFN(LastMapMethod):
    """Dual-direction attention on a mixed feature network.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all their rows count alike.
    """

    Config = DDAMFNConfig
    needs = Needs(target=False)

    def __init__(self, config: DDAMFNConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        channels, side = self.trunk.channels, self.trunk.side
        self.heads = nn.ModuleList(DirectionAttention(channels, side) for _ in range(config.heads))
        self.pooling = GlobalDepthwise(channels, side)
        self.head = nn.Linear(channels, classes)
        self.diversity = AttentionDiversityLoss(config.attention_epsilon)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces. `views` has each head's mean attention, `attention_head_1` and on.

        Args:
            images: (B, 3, size, size) normalised.
            landmarks: Not used.
        """
        output, maps = self.attend(images)
        views = {f"attention_head_{k}": attention.mean(1) for k, attention in enumerate(maps, start=1)}
        return Output(output.logits, output.features, views)

    def attend(self, images: Tensor) -> tuple[Output, list[Tensor]]:
        """Return the answer, and the attention (B, D, h, w) of each head.

        Args:
            images: (B, 3, size, size) normalised.
        """
        x = self.trunk(images)
        maps = [head(x) for head in self.heads]
        features = self.pooling(x * torch.stack(maps).amax(0))
        return Output(self.head(features), features), maps

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and, with two heads or more, their diversity.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        output, maps = self.attend(source.images)
        losses = {"task": F.cross_entropy(output.logits.float(), source.labels)}
        if len(maps) > 1:
            losses["diversity"] = self.config.attention_weight * self.diversity(maps)
        return losses

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> DDAMFN:
        """Return the method with the weights of a file of the authors' program.

        Its classes are neutral, happiness, sadness, surprise, fear, disgust, anger, and perhaps contempt.

        Args:
            state: DDAMNet's state dict, or a training file with `model_state_dict`.
            **options: Settings that differ from the authors' code.

        Raises:
            UserError: If names or shapes do not fit.
        """
        names = method_names(state)
        heads = sum(name.startswith("heads.") and name.endswith(".gate.rows.bias") for name in names)
        method = cls(cls.Config(**{"heads": max(heads, 1), **options}), classes=len(names["head.bias"]))
        load_weights(method, names, source="the checkpoint")
        return method
