"""Diversified MA-Net: MA-Net whose branches and quarters are paid for seeing different things.

Heidari and Iosifidis, "Learning diversified feature representations for facial expression recognition in the
wild", arXiv 2210.09381. Branches that learn the same are a waste of one. Three determinants of a kernel
(`ferda.losses.diversity`) reward the four quarters for looking at different places (their maps' mean over
channels) and for different channels (their mean over places), and the two branches for different features:

    L = L_manet - w_s det S_spatial - w_c det S_channel - w_g det S_global.

The authors leave the diagonals of S at zero, which for four quarters and two branches pushes the same way;
`diversity_form = "det_zero_diag"` gives their numbers. Their kernel's distance is a sum over up to 512
features, so a term may be too far from any gradient to teach anything; the log says so after each epoch, and
`diversity_distance = "mean"` is the remedy. Their network is MA-Net as it was before April 2023, and so is
ours by default. The terms cost nothing at test time. They are of one batch, over all processes.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.backbones.manet import ManetFeatures
from ferda.backbones.manet_units import SecondPath
from ferda.batch import DomainBatch, Progress
from ferda.losses.diversity import Distance, DiversityLoss, Form, report_similarity
from ferda.methods.base import TargetView
from ferda.methods.manet import MANet, MANetConfig


class DiversifiedMANetConfig(MANetConfig):
    """Settings; the defaults are the authors' code, except `diversity_form`.

    Attributes:
        second_path: As in MA-Net; `legacy` is the one that the authors copied.
        diversity_form: `det`, `logdet`, `direct` or `det_zero_diag`, see `ferda.losses.diversity`.
        diversity_gamma: How fast similarity falls with the squared distance.
        diversity_distance: Squared distances as a `sum` over the features, or their `mean`.
        spatial_weight: w_s, of the places that the quarters look at.
        channel_weight: w_c, of the quarters' channels.
        global_weight: w_g, of the two branches' features.
    """

    second_path: SecondPath = "legacy"
    diversity_form: Form = "det"
    diversity_gamma: float = Field(default=10.0, gt=0)
    diversity_distance: Distance = "sum"
    spatial_weight: float = Field(default=1.0, ge=0)
    channel_weight: float = Field(default=1.0, ge=0)
    global_weight: float = Field(default=1.0, ge=0)


class DiversifiedMANet(MANet):
    """MA-Net with three diversity terms.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config: ClassVar[type[MANetConfig]] = DiversifiedMANetConfig

    def __init__(self, config: DiversifiedMANetConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        weights = {
            "spatial": config.spatial_weight,
            "channel": config.channel_weight,
            "global": config.global_weight,
        }
        self.term_weights = {name: weight for name, weight in weights.items() if weight}
        # `global` is no name for a child: it is a word of Python, and exporters write programs of names
        self.diversity = nn.ModuleDict(
            {
                f"{name}_term": DiversityLoss(
                    config.diversity_form, config.diversity_gamma, config.diversity_distance
                )
                for name in self.term_weights
            }
        )

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task` and, as far as they have a weight, `spatial`, `channel` and `global` diversity.

        Args:
            batch: Sources.
            progress: Not used.
        """
        source = batch.pooled
        found: ManetFeatures = self.network(source.images)
        return {"task": self.task_loss(found, source.labels), **self.diversity_losses(found)}

    def diversity_losses(self, found: ManetFeatures) -> dict[str, Tensor]:
        """Return the weighted terms by name.

        Args:
            found: Of B faces.
        """
        quarters = found.quarters.float()
        sets = {
            "spatial": quarters.mean(2),
            "channel": quarters.mean((3, 4)),
            "global": torch.stack([found.local, found.multi_scale]),
        }
        return {
            name: weight * self.diversity[f"{name}_term"](sets[name])
            for name, weight in self.term_weights.items()
        }

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Log how alike the branches were in the epoch before, and warn of terms that teach nothing.

        Args:
            target: None.
            progress: Not read.
        """
        terms = self.diversity.items()
        report_similarity(
            {name.removesuffix("_term"): loss for name, loss in terms if isinstance(loss, DiversityLoss)}
        )
