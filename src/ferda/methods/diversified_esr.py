"""Diversified ESR: ESR whose branches are paid for attending to different things.

Heidari and Iosifidis, "Learning diversified feature representations for facial expression recognition in the
wild", arXiv 2210.09381. Branches that learn the same are a waste of one. An attention block follows every
convolution; of each branch's last one, the map over places and the weights of channels are compared with the
other branches', and a determinant of a kernel (`ferda.losses.diversity`) rewards what differs:

    L = sum_b CE(z_b, y) - w_s det S_spatial - w_c det S_channel.

The authors leave the diagonals of S at zero, which for every odd number of branches, their nine included,
makes branches *more* alike; `diversity_form = "det_zero_diag"` gives their numbers. Their kernel's distance
is a sum over 512 channels, so the channel term is far from any gradient and teaches nothing; the log says so
after each epoch, and `diversity_distance = "mean"` is the remedy. Everything else is as in ESR, its stages
included; in their trainings on FER+ and RAF-DB the terms span all branches from the first stage on
(`diversity_over = "all"`). The terms cost nothing at test time. They are of one batch, over all processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Progress
from ferda.losses.diversity import Distance, DiversityLoss, Form, report_similarity
from ferda.methods.base import ParameterGroup, TargetView
from ferda.methods.esr import ESR, ESRConfig


class DiversifiedESRConfig(ESRConfig):
    """Settings; the defaults are the authors' code on AffectNet, except `diversity_form`.

    Attributes:
        diversity_form: `det`, `logdet`, `direct` or `det_zero_diag`, see `ferda.losses.diversity`.
        diversity_gamma: How fast similarity falls with the squared distance.
        diversity_distance: Squared distances as a `sum` over places or channels, or their `mean`.
        diversity_over: The branches that are compared: `grown` ones, or `all`; those that are not grown yet
            then learn at the rate of older ones.
        spatial_weight: w_s, of the places that branches look at.
        channel_weight: w_c, of their channels.
    """

    diversity_form: Form = "det"
    diversity_gamma: float = Field(default=10.0, gt=0)
    diversity_distance: Distance = "sum"
    diversity_over: Literal["grown", "all"] = "grown"
    spatial_weight: float = Field(default=1.0, ge=0)
    channel_weight: float = Field(default=1.0, ge=0)


class DiversifiedESR(ESR):
    """ESR with attention and two diversity terms.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all their rows count alike.
    """

    Config: ClassVar[type[ESRConfig]] = DiversifiedESRConfig
    attention = True

    def __init__(self, config: DiversifiedESRConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.spans_all = config.diversity_over == "all"
        weights = {"spatial": config.spatial_weight, "channel": config.channel_weight}
        self.term_weights = {name: weight for name, weight in weights.items() if weight}
        self.diversity = nn.ModuleDict(
            {
                name: DiversityLoss(config.diversity_form, config.diversity_gamma, config.diversity_distance)
                for name in self.term_weights
            }
        )

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task` and, with two branches or more, `spatial` and `channel` diversity.

        Args:
            batch: Sources.
            progress: Knows the stage.
        """
        if not progress.stage.startswith("branch_"):
            return super().losses(batch, progress)
        rows, taught = batch.pooled, self.learning(progress.stage)
        compared = range(self.config.branches if self.spans_all else max(taught) + 1)
        moving = compared if self.config.older_rate else taught
        answers = self.network.answers(rows.images, compared, moving)
        losses = {"task": self.task_loss([answers[number] for number in taught], rows)}
        if len(answers) == 1:
            return losses
        attention = [answer.attention for answer in answers if answer.attention is not None]
        spatial = torch.stack([attended.spatial for attended in attention])
        channel = torch.stack([attended.channel for attended in attention])
        return losses | self.diversity_losses(spatial, channel)

    def diversity_losses(self, spatial: Tensor, channel: Tensor) -> dict[str, Tensor]:
        """Return the weighted terms by name.

        Args:
            spatial: (K, B, h, w) attention to places.
            channel: (K, B, D) attention to channels.
        """
        sets = {"spatial": spatial, "channel": channel}
        return {name: weight * self.diversity[name](sets[name]) for name, weight in self.term_weights.items()}

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Log how alike the branches were in the epoch before, and warn of terms that teach nothing.

        Args:
            target: None.
            progress: Knows the stage.
        """
        super().begin_epoch(target, progress)
        terms = self.diversity.items()
        report_similarity({name: loss for name, loss in terms if isinstance(loss, DiversityLoss)})

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """Groups `base`, `older` and `newest` as in ESR; `older` are all others that are compared.

        Args:
            stage: `branch_k` or `affect_k`.
        """
        base, older, newest = super().parameter_groups(stage)
        if self.spans_all and stage.startswith("branch_"):
            every = [f"network.branches.{number}" for number in range(self.config.branches)]
            older = replace(older, modules=tuple(name for name in every if name not in newest.modules))
        return base, older, newest
