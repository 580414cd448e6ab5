"""ICID: what faces of one expression share, and what parts expressions, fused; a baseline of CD-FER.

Ji et al., "Cross-domain facial expression recognition via an intra-category common feature and inter-category
distinction feature fusion network", Neurocomputing 2019, in the form of the CD-FER benchmark (Chen et al.,
IEEE TPAMI 2022), on its global-local network. From the features f come a common part u, of which a pair of
faces tells whether they show the same expression, and a distinctive part v, which is classified; the mean of
both is classified again, and that decides:

    L = CE(F (u + v) / 2, y) + CE(D v, y) + BCE(P [u_i, u_i+1], y_i = y_i+1).

Each row's partner is the next one of the batch, the last one's the first. F is three linear layers with
dropout and nothing else between, as in the benchmark's program; no target face is seen. The benchmark prints
59.44 % on average with IR-50 from RAF-DB.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ferda.batch import DomainBatch, Output, Progress
from ferda.layers.precision import at_least_float32
from ferda.losses.heads import head_cross_entropy
from ferda.methods.base import Needs
from ferda.methods.global_local import GlobalLocalConfig, GlobalLocalMethod


class ICIDConfig(GlobalLocalConfig):
    """Settings; the defaults are the benchmark's.

    Attributes:
        width: Numbers of the common and of the distinctive part.
        dropout: Between the layers that classify both together.
        pair_weight: Of telling pairs.
        distinction_weight: Of classifying the distinctive part.
    """

    width: int = Field(default=100, ge=1)
    dropout: float = Field(default=0.6, ge=0, lt=1)
    pair_weight: float = Field(default=1.0, ge=0)
    distinction_weight: float = Field(default=1.0, ge=0)


class ICID(GlobalLocalMethod):
    """A global-local network with two parts, a head for each, and one for both.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = ICIDConfig
    needs = Needs(target=False, landmarks=True)
    sampling = "pooled"

    def __init__(self, config: ICIDConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.common = nn.Linear(self.features.width, config.width)
        self.distinct = nn.Linear(self.features.width, config.width)
        self.pair_head = nn.Linear(2 * config.width, 1)
        self.distinct_head = nn.Linear(config.width, classes)
        self.fusion = nn.Sequential(
            nn.Linear(config.width, classes),
            nn.Dropout(config.dropout),
            nn.Linear(classes, classes),
            nn.Dropout(config.dropout),
            nn.Linear(classes, classes),
        )

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; `views` has the logits of the `distinct` part and the `common` part.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; None or NaN takes those of an average face.
        """
        features = self.features(images, landmarks).flatten(1)
        u, v = self.common(features), self.distinct(features)
        views = {"distinct": self.distinct_head(v), "common": u}
        return Output(self.fusion((u + v) / 2), features, views)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the cross-entropy of the fusion and of the distinctive part, and that of the pairs.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        answer = self(source.images, source.landmarks)
        logits = torch.stack([answer.logits, answer.views["distinct"]])
        task, distinction = head_cross_entropy(logits, source.labels)
        u, labels = answer.views["common"], source.hard_labels
        told = at_least_float32(self.pair_head(torch.cat([u, u.roll(-1, 0)], 1)).squeeze(1))
        pairs = functional.binary_cross_entropy_with_logits(told, (labels == labels.roll(-1)).to(told))
        return {
            "task": task,
            "distinction": self.config.distinction_weight * distinction,
            "pairs": self.config.pair_weight * pairs,
        }
