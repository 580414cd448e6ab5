"""SHOT: a trained model learns a new camera from unlabelled faces alone; its head stays as it is.

Liang, Hu and Feng, "Do we really need to access the source data? Source hypothesis transfer for unsupervised
domain adaptation", ICML 2020. The head of the source model is what is known of the classes, so it is frozen;
the features are trained until the target's faces fall where the head knows them. That is so if each answer is
sure and all classes are used (information maximisation), and if faces that lie together are answered alike
(each epoch gives every face the class of the nearest centroid, `ferda.memory.centroid_labels`):

    L = mean_i H(p_i) - H(mean_i p_i) + beta CE(p_i, y_i).

Traps: the second term takes balance for a virtue, and expressions are never balanced; and `im`, the usual
choice of checkpoint, is what is trained here, so it can say that an epoch failed, hardly which one is best.

Otherwise than the authors: they train the source model for it, with a bottleneck of 256 and batch norm, a
weight-normed head and labels smoothed by 0.1. The start here is any run with a backbone and one linear head.
One that was trained with `method.bottleneck=256 method.label_smoothing=0.1` comes near: what differs is that
the head is not weight-normed and that our bottleneck ends in a ReLU. On VisDA-C the authors leave the labels
out of the first epoch.
"""

from __future__ import annotations

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.entropy import EntropyLoss
from ferda.losses.marginal_entropy import MarginalEntropyLoss
from ferda.memory.centroid_labels import centroid_labels
from ferda.memory.rows import RowMemory
from ferda.methods.base import TargetView
from ferda.methods.source_free import SourceFreeConfig, SourceFreeMethod


class SHOTConfig(SourceFreeConfig):
    """Settings of SHOT.

    Attributes:
        label_weight: beta (paper: 0.3, for digits 0.1).
    """

    label_weight: float = Field(default=0.3, ge=0)


class SHOT(SourceFreeMethod):
    """Source hypothesis transfer.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Not used.
    """

    Config = SHOTConfig

    def __init__(self, config: SHOTConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.label_weight = config.label_weight
        self.network.head.requires_grad_(False)
        self.memory = RowMemory(labels=torch.zeros(0, dtype=torch.int64))
        self.entropy = EntropyLoss()
        self.diversity = MarginalEntropyLoss()

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Give every face of the target a label anew.

        Args:
            target: The whole target.
            progress: Not read.
        """
        assert target is not None
        said = self.whole(target)
        self.memory.fill(labels=centroid_labels(said.features, said.probabilities))

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `entropy` and `diversity` of the answers, and how far they are from the `labels`.

        Args:
            batch: Target rows with their index.
            progress: Not read.
        """
        rows, index = self.rows_of(batch)
        logits = self(rows.images).logits.float()
        labels = self.memory.get_buffer("labels")[index]
        return {
            "entropy": self.entropy(logits),
            "diversity": self.diversity(logits),
            "labels": self.label_weight * torch.nn.functional.cross_entropy(logits, labels),
        }
