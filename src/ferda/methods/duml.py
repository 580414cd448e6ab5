"""DUML, in part: a tower, a head and a critic for every source, and one fine-grained branch for all.

Liu et al., "Learning from more: combating uncertainty cross-multidomain for facial expression recognition",
ACM MM 2023. On a shared map every source j has a tower that a critic keeps free of the domain, and a head; a
further branch sees the four quadrants of all sources' faces. The towers' heads, each trusted as far as it is
sure, label the target. The sources take turns:

    L_j = CE(z_j, y_j) + CE(z_fine, y_j) + w_d L_adv(j against target) + w_c L_centre + w_p CE(z_fine^t, y~).

What is known, from the one file that the authors released (no training code, no weights) and their logs: the
shared first half of ResNet-34, the towers (6 and 3 attention units), the quadrants with two towers, heads of
one linear layer, critics of one behind a gradient reversal, prototypes with momentum 0.5 and the formula of
the centre loss, three updates a step for three sources, SGD's settings, at most 5000 rows a class, no
normalisation of colours.

What is inferred by us: the total loss, which heads see which domain, all three weights (w_d 1, w_c 0.1,
w_p 0.5), the reversal's rise (DANN's), that pseudo-labels y~ teach the fine branch alone and from 0.9 on, one
logit per critic instead of two, LA-CMFER's form of CBAM, and that prototypes are those of the sources. Left
out, because their use is unknown: prototypes of the target, the classifier of domains on the shared map, the
ArcFace head, the symmetric and squared distances. The released rule for the trust in a head gives more weight
to less certain heads, depends on their order and on the other rows of a batch; ours is exp(-entropy), row by
row. Do not compare numbers of this method with the paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ferda.backbones import create_backbone
from ferda.backbones.quadrants import AttentionTower, QuadrantBranch
from ferda.batch import DomainBatch, Labelled, Output, Progress
from ferda.checks import check_shape
from ferda.layers.confidence_fusion import confidence_fusion
from ferda.layers.grl import reversal_coefficient
from ferda.layers.precision import at_least_float32
from ferda.losses.adversarial import DomainAdversarialLoss
from ferda.memory.prototypes import Prototypes
from ferda.methods.base import Method, MethodConfig, ParameterGroup


class DUMLConfig(MethodConfig):
    """Settings; the network's defaults are the authors' and made for pictures of 224 pixels.

    Attributes:
        backbone: Whose last map all branches see; any of `ferda.list_backbones()` that ends with a map.
        backbone_options: What the backbone's family takes.
        weights: File with weights of the backbone to start from.
        tower_widths: Channels of a tower's stages; the last is the number of its features.
        tower_units: Attention units of these stages.
        fine_width: Features of a quadrant.
        fine_units: Attention units of a quadrant's tower.
        fine_towers: 2: left and right quadrants have a tower each (authors' code); 4: every quadrant has.
        spatial_kernel: Width of the convolution of attention over places (ours).
        branch_rate: Factor on the learning rate of everything after the backbone.
        domain_weight: w_d (ours).
        centre_weight: w_c (ours).
        pseudo_weight: w_p (ours).
        pseudo_confidence: Least probability of a pseudo-label (ours).
        momentum: Of the prototypes.
        inference: Who decides: `fused` source heads, `fine` branch alone (whose accuracy the authors' logs
            call the validation's), or the `mean` of both's probabilities.
    """

    backbone: str = "resnet34_front"
    backbone_options: dict[str, Any] = Field(default_factory=dict)
    weights: str | None = None
    tower_widths: tuple[int, ...] = Field(default=(256, 512), min_length=1)
    tower_units: tuple[int, ...] = Field(default=(6, 3), min_length=1)
    fine_width: int = Field(default=256, ge=1)
    fine_units: int = Field(default=2, ge=1)
    fine_towers: Literal[2, 4] = 2
    spatial_kernel: int = Field(default=49, ge=1)
    branch_rate: float = Field(default=1.0, ge=0)
    domain_weight: float = Field(default=1.0, ge=0)
    centre_weight: float = Field(default=0.1, ge=0)
    pseudo_weight: float = Field(default=0.5, ge=0)
    pseudo_confidence: float = Field(default=0.9, ge=0, le=1)
    momentum: float = Field(default=0.5, ge=0, lt=1)
    inference: Literal["fused", "fine", "mean"] = "fused"


class DUML(Method):
    """Towers per source and a fine-grained branch on one shared map.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; tower j belongs to the source at place j of the recipe's list.
    """

    Config = DUMLConfig
    sampling = "round_robin"
    explained = "shared"

    def __init__(self, config: DUMLConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        kernel = config.spatial_kernel
        self.shared = create_backbone(config.backbone, config.weights, **config.backbone_options)
        channels, d = self.shared.width, config.tower_widths[-1]
        self.towers = nn.ModuleList(
            AttentionTower(channels, config.tower_widths, config.tower_units, kernel) for _ in range(sources)
        )
        self.heads = nn.ModuleList(nn.Linear(d, classes) for _ in range(sources))
        self.critics = nn.ModuleList(nn.Sequential(nn.Linear(d, 1), nn.Flatten(0)) for _ in range(sources))
        self.fine_branch = QuadrantBranch(
            channels, config.fine_width, config.fine_units, config.fine_towers, kernel
        )
        self.fine_head = nn.Linear(self.fine_branch.width, classes)
        self.prototypes = Prototypes(sources, classes, d, config.momentum)
        self.adversarial = DomainAdversarialLoss()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces: logarithms of the fused probabilities.

        `views` has the logits of every source's head (`head_1` is the first source's) and of `fine`.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        shared = self._map(images)
        towers = torch.stack([tower(shared)[0] for tower in self.towers])
        fine, places = self.fine_branch(shared)
        heads, fine_logits = self._source_logits(towers), self.fine_head(fine)
        views = {f"head_{number}": rows for number, rows in enumerate(heads, start=1)}
        return Output(
            self._decision(heads, fine_logits),
            torch.cat([*towers, fine], 1),
            views | {"fine": fine_logits, "attention_fine": places},
        )

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, `domain`, `centre` and `pseudo` of one source, or the mean over all.

        Args:
            batch: One source and its turn, or all sources; and target.
            progress: Sets the strength of the reversal.
        """
        assert batch.target is not None
        config = self.config
        shared = self._map(batch.target.images)
        unseen = torch.stack([tower(shared)[0] for tower in self.towers])
        strength = reversal_coefficient(progress.fraction)
        # a batch with all sources has them in the order of the towers
        turns = [batch.turn] if len(batch.sources) == 1 else range(len(batch.sources))
        parts = [
            self._source_losses(source, turn, unseen[turn], strength)
            for turn, source in zip(turns, batch.sources, strict=True)
        ]
        task, domain, centre = (torch.stack(losses).mean() for losses in zip(*parts, strict=True))
        return {
            "task": task,
            "domain": config.domain_weight * domain,
            "centre": config.centre_weight * centre,
            "pseudo": config.pseudo_weight * self._pseudo_loss(shared, unseen),
        }

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """The backbone; everything after it.

        Args:
            stage: Any.
        """
        rest = ("towers", "heads", "critics", "fine_branch", "fine_head")
        return (
            ParameterGroup("backbone", ("shared",)),
            ParameterGroup("branches", rest, rate=self.config.branch_rate),
        )

    def _map(self, images: Tensor) -> Tensor:
        shared = self.shared.stage_maps(images)[-1]
        check_shape(shared, "B C H W", "the backbone's last map", C=self.shared.width)
        return shared

    def _source_logits(self, towers: Tensor) -> Tensor:
        """(S, B, C) of every source's head on its own tower."""
        return torch.stack([head(rows) for head, rows in zip(self.heads, towers, strict=True)])

    def _decision(self, heads: Tensor, fine: Tensor) -> Tensor:
        if self.config.inference == "fine":
            return fine
        fused = confidence_fusion(heads)
        if self.config.inference == "fused":
            return fused
        both = torch.stack([fused, at_least_float32(fine).log_softmax(1)])
        return both.logsumexp(0)

    def _source_losses(
        self, source: Labelled, turn: int, unseen: Tensor, strength: float
    ) -> tuple[Tensor, Tensor, Tensor]:
        shared = self._map(source.images)
        seen = self.towers[turn](shared)[0]
        fine = self.fine_head(self.fine_branch(shared)[0])
        coarse = self.heads[turn](seen)
        task = self._task_loss(coarse, source.labels) + self._task_loss(fine, source.labels)
        domain = self.adversarial(self.critics[turn], seen, unseen, strength)
        centre = self.prototypes.distance(turn, seen, source.hard_labels)
        self.prototypes.update(turn, seen, source.hard_labels)
        return task, domain, centre

    def _pseudo_loss(self, shared: Tensor, towers: Tensor) -> Tensor:
        """What the source heads are sure of teaches the fine branch; the mean runs over all rows."""
        with torch.no_grad():
            highest, labels = confidence_fusion(self._source_logits(towers)).exp().max(1)
        fine = at_least_float32(self.fine_head(self.fine_branch(shared)[0]))
        errors = functional.cross_entropy(fine, labels, reduction="none")
        return (errors * (highest >= self.config.pseudo_confidence)).mean()

    def _task_loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(at_least_float32(logits), labels)
