"""SWD: MCD's contest of two heads, measured by how far their predictions lie apart as clouds of points.

Lee et al., "Sliced Wasserstein discrepancy for unsupervised domain adaptation", CVPR 2019, in the form of the
CD-FER benchmark (Chen et al., IEEE TPAMI 2022), on its global-local network. In every step all learn the
source (A), then the heads alone also learn to differ on the target (B), then the features alone learn to
bring them together (C):

    A:  L = CE(f_1(x_s), y) + CE(f_2(x_s), y),     B:  L - lambda_d D,     C:  lambda_d D,
    D = 1/(B M) sum_m ||sort(p_1 w_m) - sort(p_2 w_m)||^2   on the target, w_m random directions.

The first head decides. Source and target pass the network apart, as in the benchmark's program, which reuses
one pass for all three updates; here each has its own, with the weights and directions of its time.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress, Update
from ferda.losses.head_contest import HeadContest
from ferda.losses.heads import head_cross_entropy
from ferda.losses.sliced_wasserstein import SlicedWassersteinLoss
from ferda.methods.base import Needs
from ferda.methods.global_local import GlobalLocalConfig, GlobalLocalMethod, linear_head


class SWDConfig(GlobalLocalConfig):
    """Settings; the defaults are the paper's and the benchmark's.

    Attributes:
        discrepancy_weight: lambda_d.
        directions: M.
        feature_updates: How often (C) is done in a step.
    """

    discrepancy_weight: float = Field(default=1.0, ge=0)
    directions: int = Field(default=128, ge=1)
    feature_updates: int = Field(default=1, ge=1)


class SWD(GlobalLocalMethod):
    """Sliced Wasserstein discrepancy.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = SWDConfig
    needs = Needs(landmarks=True)
    sampling = "pooled"

    def __init__(self, config: SWDConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.heads = nn.ModuleList(linear_head(self.features.width, classes) for _ in range(2))
        discrepancy = SlicedWassersteinLoss(config.directions)
        self.contest = HeadContest(discrepancy, config.discrepancy_weight, config.feature_updates)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; `views` has the logits of the second head, `head_2`.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; None or NaN takes those of an average face.
        """
        features = self.features(images, landmarks).flatten(1)
        first, second = (head(features) for head in self.heads)
        return Output(first, features, {"head_2": second})

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, the heads' `disagreement`, or the features' `discrepancy`.

        Args:
            batch: Sources and target.
            progress: Says which update it is.
        """
        assert batch.target is not None
        source = batch.pooled
        seen, unseen = (
            torch.stack([answer.logits, answer.views["head_2"]])
            for answer in (self(rows.images, rows.landmarks) for rows in (source, batch.target))
        )
        learned = {"task": head_cross_entropy(seen, source.labels).sum()}
        losses: dict[str, Tensor] = self.contest(progress.update, learned, unseen)
        return losses

    def updates(self, stage: str) -> Sequence[Update]:
        """All learn the task; the heads to disagree; the features to make them agree.

        Args:
            stage: Any.
        """
        return self.contest.updates("heads", "features")
