"""LA-CMFER: a global and a local branch, aligned between domains and with each other.

Yang et al., "Learning with alignments: tackling the inter- and intra-domain shifts for cross-multidomain
facial expression recognition", ACM MM 2024. Two branches on one shared map, G over the whole face and L over
its four quadrants, learn from all sources as one. Between the domains each branch aligns hard samples and
classes; within the target the two branches shall group the faces alike, and what they agree on teaches both:

    L = L_sup + 0.4 (L_align^G + L_align^L) + 0.5 L_mcc + 0.1 L_mvv,   L_align = L_sid + 0.02 L_cid,

with L_sup the smoothed cross-entropy of both branches (`ferda.losses.dual_alignment` and `.multi_view` have
the others). Source and target pass the network apart, the source first, so batch norm normalises each by
itself. The paper's equations are not known to us beyond the authors' code, from which we differ: L_mcc takes
probabilities, as the paper's figure shows (`clustering_of`); a domain without any weighted row aligns nothing
(`strict_upstream`); one fixed rule fuses the branches (`fusion`), where their program takes the best of six
on the test labels.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ferda.backbones import create_backbone
from ferda.backbones.quadrants import AttentionTower, QuadrantBranch
from ferda.backbones.upstream_la_cmfer import method_state
from ferda.backbones.weights import load_weights
from ferda.batch import DomainBatch, Output, Progress
from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32
from ferda.layers.view_fusion import FusionRule, fuse_views
from ferda.losses.dual_alignment import Branch, DualAlignmentLoss
from ferda.losses.hardness import HardnessOf
from ferda.losses.multi_view import MultiViewClusteringLoss, ViewDistance, ViewDistanceLoss, VotingLoss
from ferda.methods.base import Method, MethodConfig, ParameterGroup


class LACMFERConfig(MethodConfig):
    """Settings; the network's defaults are the authors' and made for pictures of 224 pixels.

    Attributes:
        backbone: Whose last map both branches see: `resnet18_front`, or any other of `ferda.list_backbones()`
            that ends with a map, best of an eighth or a quarter of the picture's side.
        backbone_options: What the backbone's family takes.
        weights: File with weights of the backbone to start from (authors: ResNet-18 of ImageNet).
        global_widths: Channels of the global branch's stages; the last is the number of its features.
        global_units: Attention units of these stages.
        local_width: Features of a quadrant.
        local_units: Attention units of a local tower.
        local_towers: 2: left and right quadrants have a tower each (authors' code); 4: every quadrant has.
        spatial_kernel: Width of the convolution of attention over places.
        branch_rate: Factor on the learning rate of everything after the backbone.
        label_smoothing: Share of a label spread over all classes.
        alignment_weight: Of L_align of each branch.
        class_weight: Of L_cid within it (authors' code: 0.02).
        confidence: Least probability of a row that is aligned.
        hardness_of: What hardness is measured on: `logits` (authors' code), or `probs`.
        match_classes: Whether only rows count whose class the other domain has; False is the authors' code
            before 22 July 2024.
        mask_clusters: Whether clusters hold confident rows alone; False likewise.
        strict_upstream: Keep the term of one domain alone that remains when the other has no weighted row.
        clustering_weight: Of L_mcc.
        clustering_of: Whether L_mcc takes `probs`, or `logits` as in the authors' code.
        clustering_temperature: Of those probabilities; below 1 sharpens (the authors have 0.25, unused).
        view_distance: A distance between the branches' predictions that is added to L_mcc under its weight:
            `l1`, `mse` or `kl`. None (as published) adds none.
        voting_weight: Of L_mvv.
        voting_confidence: Least probability of one branch for a common pseudo-label.
        fusion: How the branches decide together; `ferda.layers.view_fusion.fuse_views` tells the rules.
    """

    backbone: str = "resnet18_front"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    global_widths: tuple[int, ...] = Field(default=(256, 1024), min_length=1)
    global_units: tuple[int, ...] = Field(default=(6, 3), min_length=1)
    local_width: int = Field(default=256, ge=1)
    local_units: int = Field(default=2, ge=1)
    local_towers: Literal[2, 4] = 2
    spatial_kernel: int = Field(default=49, ge=1)
    branch_rate: float = Field(default=10.0, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    alignment_weight: float = Field(default=0.4, ge=0)
    class_weight: float = Field(default=0.02, ge=0)
    confidence: float = Field(default=0.4, ge=0, le=1)
    hardness_of: HardnessOf = "logits"
    match_classes: bool = True
    mask_clusters: bool = True
    strict_upstream: bool = False
    clustering_weight: float = Field(default=0.5, ge=0)
    clustering_of: Literal["probs", "logits"] = "probs"
    clustering_temperature: float = Field(default=1.0, gt=0)
    view_distance: ViewDistance | None = None
    voting_weight: float = Field(default=0.1, ge=0)
    voting_confidence: float = Field(default=0.9, ge=0, le=1)
    fusion: FusionRule = "mean_logits"


class LACMFER(Method):
    """Two branches with their alignments.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = LACMFERConfig
    sampling = "pooled"
    explained = "shared"

    def __init__(self, config: LACMFERConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        kernel = config.spatial_kernel
        self.shared = create_backbone(config.backbone, config.weights, **config.backbone_options)
        channels = self.shared.width
        self.global_branch = AttentionTower(channels, config.global_widths, config.global_units, kernel)
        self.local_branch = QuadrantBranch(
            channels, config.local_width, config.local_units, config.local_towers, kernel
        )
        self.global_head = nn.Linear(self.global_branch.width, classes)
        self.local_head = nn.Linear(self.local_branch.width, classes)
        self.alignment = DualAlignmentLoss(
            config.confidence,
            config.class_weight,
            hardness_of=config.hardness_of,
            match=config.match_classes,
            masked_clusters=config.mask_clusters,
            one_sided=config.strict_upstream,
        )
        self.clustering = MultiViewClusteringLoss(config.clustering_temperature, config.clustering_of)
        self.distance = ViewDistanceLoss(config.view_distance) if config.view_distance else None
        self.voting = VotingLoss(config.voting_confidence)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces with both branches.

        `views` has the logits of `global` and `local`, and the places that each branch looked at last.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        branches, attention = self._branches(images)
        whole, parts = branches
        logits = fuse_views(whole.logits, parts.logits, self.config.fusion)
        views = {"global": whole.logits, "local": parts.logits}
        views |= {"attention_global": attention[0], "attention_local": attention[1]}
        return Output(logits, torch.cat([whole.features, parts.features], 1), views)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, the alignment of each branch, `clustering` and `voting`.

        Args:
            batch: Sources and target.
            progress: Not used: all weights are constant.
        """
        assert batch.target is not None
        config, source = self.config, batch.pooled
        seen, _ = self._branches(source.images)
        unseen, _ = self._branches(batch.target.images)
        align = [
            config.alignment_weight * self.alignment(one, source.hard_labels, other)
            for one, other in zip(seen, unseen, strict=True)
        ]
        whole, parts = (branch.logits for branch in unseen)
        clustering = self.clustering(whole, parts)
        if self.distance is not None:
            clustering = clustering + self.distance(whole, parts)
        return {
            "task": self._task_loss(seen[0].logits, source.labels)
            + self._task_loss(seen[1].logits, source.labels),
            "align_global": align[0],
            "align_local": align[1],
            "clustering": config.clustering_weight * clustering,
            "voting": config.voting_weight * self.voting(whole, parts),
        }

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone; everything after it faster.

        Args:
            stage: Any.
        """
        rest = ("global_branch", "local_branch", "global_head", "local_head")
        return (
            ParameterGroup("backbone", ("shared",)),
            ParameterGroup("branches", rest, rate=self.config.branch_rate),
        )

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> LACMFER:
        """Return the method with the weights of a file of the authors' program.

        Args:
            state: The network's state dict, or the training file around it.
            **options: Settings of the method.

        Raises:
            UserError: If names or shapes do not fit.
        """
        given = method_state(state)
        classes, width = given["global_head.weight"].shape
        method = cls(cls.Config(**({"global_widths": (256, width)} | options)), classes=classes)
        report = load_weights(method, given, source="the checkpoint")
        logging.getLogger("ferda").info("la_cmfer from the checkpoint: %s", report)
        return method

    def _branches(self, images: Tensor) -> tuple[tuple[Branch, Branch], tuple[Tensor, Tensor]]:
        """The global and the local branch's answers, and the places that they looked at."""
        shared = self.shared.stage_maps(images)[-1]
        check_shape(shared, "B C H W", "the backbone's last map", C=self.shared.width)
        whole, whole_places = self.global_branch(shared)
        parts, part_places = self.local_branch(shared)
        answers = Branch(whole, self.global_head(whole)), Branch(parts, self.local_head(parts))
        return answers, (whole_places, part_places)

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(
            at_least_float32(logits), labels, label_smoothing=self.config.label_smoothing
        )
