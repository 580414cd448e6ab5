"""MFSAN: a branch and a classifier for every source, each aligned with the target in a space of its own.

Zhu et al., "Aligning domain-specific distribution and classifier for cross-domain classification from
multiple sources", AAAI 2019. A common network is followed by one small branch H_j and head C_j per source.
Branch j brings source j and the target together; on the target all heads shall say the same. The sources take
turns, each step with a fresh batch of the target:

    L_j = CE(C_j(H_j(x_j)), y_j) + gamma (MMD(H_j(x_j), H_j(x_t)) + L_disc),
    gamma = 2 / (1 + exp(-10 p)) - 1   with p the done fraction,

with L_disc the mean of |p_j - p_k| over the other heads k. The mean of all heads' probabilities decides. We
do otherwise than the authors' code: for three sources it compares features instead of class probabilities in
L_disc (`discrepancy_of`); batches may differ in size; any number of sources has one program. The gamma that
the paper prints has no bound and is a misprint of the code's; elsewhere it speaks of a constant 0.5
(`constant_tradeoff`). Sources and target pass the network apart. If a recipe asks for `joint` sampling a step
is the mean over all sources' steps.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ferda.backbones import create_backbone
from ferda.backbones.upstream_mfsan import method_state
from ferda.backbones.weights import load_weights
from ferda.batch import DomainBatch, Labelled, Output, Progress
from ferda.checks import check_shape
from ferda.layers.grl import reversal_coefficient
from ferda.layers.precision import at_least_float32
from ferda.losses.discrepancy import HeadDiscrepancyLoss
from ferda.losses.mmd import MMDLoss
from ferda.methods.base import Method, MethodConfig, ParameterGroup


class MFSANConfig(MethodConfig):
    """Settings; the defaults are the authors', except `discrepancy_of`.

    Attributes:
        backbone: The common network: one of `ferda.list_backbones()` that ends with a map.
        backbone_options: What the backbone's family takes.
        weights: File with weights of the backbone to start from (authors: ResNet-50 of ImageNet).
        branch_width: Channels and features of each source's branch.
        branch_rate: Factor on the learning rate of branches and heads.
        label_smoothing: Share of a label spread over all classes.
        mmd_weight: Of the MMD, besides gamma.
        discrepancy_weight: Of L_disc, besides gamma.
        constant_tradeoff: gamma, if it shall not rise (paper's sensitivity section: 0.5).
        pairs: Pairs of heads that L_disc compares: those `with_current` source's, or `all` (paper, eq. 6).
        discrepancy_of: `logits`, or `features` as in the authors' code for three sources.
    """

    backbone: str = "resnet50"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    branch_width: int = Field(default=256, ge=1)
    branch_rate: float = Field(default=10.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    mmd_weight: float = Field(default=1.0, ge=0)
    discrepancy_weight: float = Field(default=1.0, ge=0)
    constant_tradeoff: float | None = Field(default=None, ge=0)
    pairs: Literal["with_current", "all"] = "with_current"
    discrepancy_of: Literal["logits", "features"] = "logits"


class MFSAN(Method):
    """A common network with a branch and a head per source.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; branch j belongs to the source at place j of the recipe's list.
    """

    Config = MFSANConfig
    sampling = "round_robin"

    def __init__(self, config: MFSANConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.backbone = create_backbone(config.backbone, config.weights, **config.backbone_options)
        d = config.branch_width
        self.branches = nn.ModuleList(_branch(self.backbone.width, d) for _ in range(sources))
        self.heads = nn.ModuleList(nn.Linear(d, classes) for _ in range(sources))
        self.mmd = MMDLoss()
        self.discrepancy = HeadDiscrepancyLoss()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces: logarithms of the heads' mean probabilities.

        `views` has the logits of every head, `head_1` being that of the first source.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        features = self._features(images)
        logits = self._logits(features)
        probabilities = at_least_float32(logits).softmax(2).mean(0)
        smallest = torch.finfo(probabilities.dtype).tiny
        return Output(
            probabilities.clamp_min(smallest).log(),
            torch.cat([*features], 1),
            {f"head_{number}": rows for number, rows in enumerate(logits, start=1)},
        )

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, `mmd` and `discrepancy` of the source whose turn it is, or the mean over all.

        Args:
            batch: One source and its turn, or all sources; and target.
            progress: Sets gamma.
        """
        assert batch.target is not None
        unseen = self._features(batch.target.images)
        answers = self._logits(unseen) if self.config.discrepancy_of == "logits" else unseen
        # a batch with all sources has them in the order of the branches
        turns = [batch.turn] if len(batch.sources) == 1 else range(len(batch.sources))
        parts = [
            self._source_losses(source, turn, unseen[turn], answers)
            for turn, source in zip(turns, batch.sources, strict=True)
        ]
        task, mmd, discrepancy = (torch.stack(losses).mean() for losses in zip(*parts, strict=True))
        gamma = self._tradeoff(progress)
        return {
            "task": task,
            "mmd": gamma * self.config.mmd_weight * mmd,
            "discrepancy": gamma * self.config.discrepancy_weight * discrepancy,
        }

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The common network; branches and heads faster.

        Args:
            stage: Any.
        """
        return (
            ParameterGroup("backbone", ("backbone",)),
            ParameterGroup("branches", ("branches", "heads"), rate=self.config.branch_rate),
        )

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> MFSAN:
        """Return the method with the weights of a state dict of the authors' program.

        Args:
            state: The network's state dict; it tells how many sources there are.
            **options: Settings of the method.

        Raises:
            UserError: If names or shapes do not fit.
        """
        given = method_state(state)
        sources = sum(re.fullmatch(r"heads\.\d+\.weight", name) is not None for name in given)
        method = cls(cls.Config(**options), classes=len(given["heads.0.weight"]), sources=sources)
        report = load_weights(method, given, source="the checkpoint")
        logging.getLogger("ferda").info("mfsan from the checkpoint: %s", report)
        return method

    def _map(self, images: Tensor) -> Tensor:
        common = self.backbone.stage_maps(images)[-1]
        check_shape(common, "B C H W", "the backbone's last map", C=self.backbone.width)
        return common

    def _features(self, images: Tensor) -> Tensor:
        """(S, B, D) of every branch."""
        common = self._map(images)
        return torch.stack([branch(common) for branch in self.branches])

    def _logits(self, features: Tensor) -> Tensor:
        """(S, B, C) of every head."""
        return torch.stack([head(rows) for head, rows in zip(self.heads, features, strict=True)])

    def _source_losses(
        self, source: Labelled, turn: int, unseen: Tensor, answers: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        seen = self.branches[turn](self._map(source.images))
        task = functional.cross_entropy(
            at_least_float32(self.heads[turn](seen)),
            source.labels,
            label_smoothing=self.config.label_smoothing,
        )
        pairs_of = turn if self.config.pairs == "with_current" else None
        return task, self.mmd(seen, unseen), self.discrepancy(answers, pairs_of)

    def _tradeoff(self, progress: Progress) -> float:
        if self.config.constant_tradeoff is not None:
            return self.config.constant_tradeoff
        # the authors count iterations from 1
        return reversal_coefficient((progress.step + 1) / max(progress.steps, 1))


def _branch(channels: int, width: int) -> nn.Sequential:
    """Three convolutions that look a little around, and the mean over the map."""
    layers: list[nn.Module] = []
    for c, kernel in ((channels, 1), (width, 3), (width, 1)):
        layers += [
            nn.Conv2d(c, width, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten())
