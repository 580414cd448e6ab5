"""LPL: faces of one expression draw together; a baseline of the CD-FER benchmark, without a target.

The locality-preserving loss is of Li et al., "Reliable crowdsourcing and deep locality-preserving learning
for expression recognition in the wild", CVPR 2017, where a row is drawn to its nearest neighbours of the same
class. The CD-FER benchmark (Chen et al., IEEE TPAMI 2022) has the class's centre in their place, on its
global-local network:

    L = CE(W f, y) + CE(V f_local, y) + lambda mean_i mean_d (f_id - c_{y_i d})^2.

A centre is the mean of its class's features as they passed in the epoch before, so the first epoch has none;
the benchmark's program passes the source once more each epoch. There the loss has no gradient by mistake, so
what it published as LPL, 59.82 % on average with IR-50 from RAF-DB, learned from the two cross-entropies:
`locality_weight: 0`. No target face is seen by either.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress
from ferda.losses.heads import head_cross_entropy
from ferda.memory.epoch_means import EpochMeans
from ferda.methods.base import Needs, TargetView
from ferda.methods.global_local import GlobalLocalConfig, GlobalLocalMethod


class LPLConfig(GlobalLocalConfig):
    """Settings; the defaults are the benchmark's.

    Attributes:
        locality_weight: lambda; 0 is what the benchmark's program does.
    """

    locality_weight: float = Field(default=1.0, ge=0)


class LPL(GlobalLocalMethod):
    """A global-local network with two heads and a centre for every class.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = LPLConfig
    needs = Needs(target=False, landmarks=True)
    sampling = "pooled"

    def __init__(self, config: LPLConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        width = self.features.width
        self.head = nn.Linear(width, classes)
        self.local_head = nn.Linear(width - config.part_width, classes)
        for head in (self.head, self.local_head):
            nn.init.xavier_normal_(head.weight)
            nn.init.zeros_(head.bias)
        self.centres = EpochMeans(classes, width)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; `views` has the logits of the `local` head.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; None or NaN takes those of an average face.
        """
        features = self.features(images, landmarks).flatten(1)
        local = self.local_head(features[:, -self.local_head.in_features :])
        return Output(self.head(features), features, {"local": local})

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the cross-entropy of both heads and the distance from the centres.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        answer = self(source.images, source.landmarks)
        self.centres.remember(answer.features, source.hard_labels)
        logits = torch.stack([answer.logits, answer.views["local"]])
        return {
            "task": head_cross_entropy(logits, source.labels).sum(),
            "locality": self.config.locality_weight
            * self.centres.distance(answer.features, source.hard_labels),
        }

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Move the centres to the means of the epoch that ended.

        Args:
            target: Not used.
            progress: Not used.
        """
        self.centres.turn()
