"""M3SDA: several sources and the target, all with the same moments; optionally, heads that must agree.

Peng et al., "Moment matching for multi-source domain adaptation", ICCV 2019. One network for all domains and
a head C_j for each of S sources; the first two moments of the features are drawn together, of each source and
the target, and of the sources among themselves:

    L = sum_j CE(C_j(f_j), y_j) + lambda MD,
    MD = sum_k=1..2  1/S sum_j ||E f_j^k - E f_t^k|| + 1/(S choose 2) sum_{i<j} ||E f_i^k - E f_j^k||.

With `pairs` (M3SDA-beta) every source has two heads, and a batch has further updates: the heads learn to
disagree on the target while they stay right on their source, then the network learns that they agree,

    heads: sum_j CE(C_j) + CE(C'_j) - |C_j(f_t) - C'_j(f_t)|,     network: sum_j |C_j(f_t) - C'_j(f_t)|.

The mean of all heads' probabilities decides; M3SDA* weights heads by accuracies of other trainings, which is
not here. Domains pass the network apart, as in the authors' code for digits. We do otherwise than this code,
as the paper says: it takes five moments, of centred features, and one pair of heads for all sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ferda.backbones import create_backbone
from ferda.batch import DomainBatch, Output, Progress, Update
from ferda.layers.precision import at_least_float32
from ferda.layers.voting import combine_branches
from ferda.losses.discrepancy import HeadDiscrepancyLoss
from ferda.losses.moment_distance import MomentDistanceLoss
from ferda.methods.base import Method, MethodConfig, ParameterGroup


class M3SDAConfig(MethodConfig):
    """Settings of M3SDA.

    Attributes:
        backbone: One of `ferda.list_backbones()`, or `timm/<name>`.
        backbone_options: What the backbone's family takes.
        weights: File with weights of the backbone to start from.
        backbone_rate: Factor on the learning rate of the backbone.
        label_smoothing: Share of a label spread over all classes, for hard labels.
        moment_weight: lambda (authors' code: 0.5; the paper names none).
        moments: How many (paper: 2).
        pairs: Two heads for every source: M3SDA-beta.
        agreement_steps: Updates of the network towards agreement in every step (authors' code: 4).
    """

    backbone: str = "ir18"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    backbone_rate: float = Field(default=1.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    moment_weight: float = Field(default=0.5, ge=0)
    moments: int = Field(default=2, ge=1)
    pairs: bool = False
    agreement_steps: int = Field(default=4, ge=1)


class M3SDA(Method):
    """A common network with a head, or two, for every source.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; head j belongs to the source at place j of the recipe's list.
    """

    Config = M3SDAConfig

    def __init__(self, config: M3SDAConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.backbone = create_backbone(config.backbone, config.weights, **config.backbone_options)
        each = 2 if config.pairs else 1
        self.heads = nn.ModuleList(
            nn.ModuleList(nn.Linear(self.backbone.width, classes) for _ in range(each))
            for _ in range(sources)
        )
        self.moments = MomentDistanceLoss(config.moments)
        self.discrepancy = HeadDiscrepancyLoss()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces: logarithms of the heads' mean probabilities.

        `views` has the logits of every source's head, or the mean of its two, `head_1` being the first's.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        features = self.backbone(images)
        logits = [self._logits(j, features) for j in range(self.sources)]
        views = {f"head_{j}": combine_branches(own, "mean_prob") for j, own in enumerate(logits, start=1)}
        return Output(combine_branches(torch.cat(logits), "mean_prob"), features, views)

    def updates(self, stage: str) -> Sequence[Update]:
        """One, or the steps of M3SDA-beta.

        Args:
            stage: Any.
        """
        if not self.config.pairs:
            return (Update(),)
        agree = (Update("agree", ("backbone",)),) * self.config.agreement_steps
        return (Update(), Update("disagree", ("heads",)), *agree)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task` and `moments`, or what the update of M3SDA-beta learns from.

        Args:
            batch: Sources, each for its own head, and target.
            progress: Says which update it is.
        """
        assert batch.target is not None
        if progress.update == "agree":
            return {"discrepancy": self._apart(self.backbone(batch.target.images))}
        is_for_heads = progress.update == "disagree"
        with torch.set_grad_enabled(not is_for_heads):
            seen = [self.backbone(source.images) for source in batch.sources]
            unseen = self.backbone(batch.target.images)
        # a source whose turn it is comes alone
        turns = [batch.turn] if len(seen) == 1 else range(len(seen))
        task = torch.stack(
            [
                self._task(self._logits(j, rows), source.labels)
                for j, rows, source in zip(turns, seen, batch.sources, strict=True)
            ]
        ).sum()
        if is_for_heads:
            return {"kept_task": task, "disagreement": -self._apart(unseen)}
        return {"task": task, "moments": self.config.moment_weight * self.moments(seen, unseen)}

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone at its own rate.

        Args:
            stage: Any.
        """
        return (ParameterGroup("backbone", ("backbone",), rate=self.config.backbone_rate),)

    def _logits(self, source: int, features: Tensor) -> Tensor:
        """(1 or 2, B, C) of the heads of one source."""
        heads = self.heads[source]
        assert isinstance(heads, nn.ModuleList)
        return torch.stack([head(features) for head in heads])

    def _task(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of a source's heads, added up."""
        return torch.stack(
            [
                functional.cross_entropy(
                    at_least_float32(own), labels, label_smoothing=self.config.label_smoothing
                )
                for own in logits
            ]
        ).sum()

    def _apart(self, unseen: Tensor) -> Tensor:
        """How much the two heads of every source differ on the target, added up."""
        return torch.stack([self.discrepancy(self._logits(j, unseen)) for j in range(self.sources)]).sum()
