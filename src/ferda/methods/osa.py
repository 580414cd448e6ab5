"""OSA: pairs of source and target faces of one class tell each other as much as possible.

"Object-semantic alignment across domains: enhancing domain invariance of facial expression features for
unsupervised domain adaptation" (repository of 2025; no text of a paper was found). The last map of a light
face recogniser passes dynamic coordinate attention, which looks along axes that each face chooses, and is
pooled to f. Source faces and target faces of the same (pseudo-)class are paired, and a critic raises a lower
bound of the joint mutual information I of pair and class; from half of training on, the target's predictions
must spread over the classes:

    L = CE(z_s, y_s) - lam1 I(f_s, f_t; y) - lam2 H(mean softmax(z_t)).

Source and target pass the network apart, so batch norm normalises each domain by itself. As in the authors'
code every target face has a pseudo-label, however unsure. Otherwise than there: a face is judged by its own
map, not by those of its batch (`layout`); the bound's prior is that of the pair's class, not of all classes
(`prior`); lam2 counts once; a batch without a common class has no pairs instead of an error (the journal's
`note/shared_classes` says how many classes were common).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from ferda.backbones.upstream_ddamfn import method_names
from ferda.backbones.weights import load_weights
from ferda.batch import DomainBatch, Output, Progress
from ferda.errors import UserError
from ferda.layers.dynamic_coordinate_attention import DynamicCoordinateAttention, GridOrder, Layout
from ferda.layers.mixed_depthwise import GlobalDepthwise
from ferda.losses.entropy import EntropyLoss
from ferda.losses.joint_information import JointCritic, JointInformationLoss, Prior
from ferda.losses.marginal_entropy import MarginalEntropyLoss
from ferda.methods.last_map import LastMapConfig, LastMapMethod


class OSAConfig(LastMapConfig):
    """Settings; the defaults are the authors' code without its defects.

    Attributes:
        directions: Pairs of axes that each face chooses.
        layout: `per_sample`, or `upstream_mixed`: attention by the maps of other faces of the batch.
        grid_order: `row_first`: turned and mirrored axes; `xy`: turned ones.
        lam1: Of the joint mutual information.
        lam2: Of the marginal entropy.
        lam2_squared: Apply lam2 twice, as the authors' program does.
        critic_hidden: Width of the critic.
        prior: `gathered`: of the pair's class. `broadcast`: of all classes, as the authors' program has it.
        confidence: Least probability at which a target face is paired; 0 takes all.
        entropy_from: Epoch, counted from 1, from which the marginal entropy counts; None is half of them.
        conditional_weight: Of the target's mean entropy, likewise; the authors compute it and use it not.
    """

    directions: int = Field(default=4, ge=1)
    layout: Layout = "per_sample"
    grid_order: GridOrder = "row_first"
    lam1: float = Field(default=1.0, ge=0)
    lam2: float = Field(default=1.0, ge=0)
    lam2_squared: bool = False
    critic_hidden: int = Field(default=256, ge=1)
    prior: Prior = "gathered"
    confidence: float = Field(default=0.0, ge=0, lt=1)
    entropy_from: int | None = Field(default=None, ge=1)
    conditional_weight: float = Field(default=0.0, ge=0)


class OSA(LastMapMethod):
    """Dynamic coordinate attention with joint mutual information between the domains.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = OSAConfig

    def __init__(self, config: OSAConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        channels = self.trunk.channels
        self.attention = DynamicCoordinateAttention(
            channels, config.directions, layout=config.layout, order=config.grid_order
        )
        self.pooling = GlobalDepthwise(channels, self.trunk.side)
        self.head = nn.Linear(channels, classes)
        self.critic = JointCritic(channels, classes, config.critic_hidden)
        self.information = JointInformationLoss(config.prior)
        self.marginal = MarginalEntropyLoss()
        self.conditional = EntropyLoss()

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces. `views` has each direction's attention, `attention_axes_1` and on.

        Args:
            images: (B, 3, size, size) normalised.
            landmarks: Not used.
        """
        x = self.trunk(images)
        maps = self.attention.maps(x)
        features = self.pooling(self.attention.fuse(x, maps))
        views = {
            f"attention_axes_{d}": attention for d, attention in enumerate(maps.mean(2).unbind(1), start=1)
        }
        return Output(self.head(features), features, views)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss, the joint information and, in the second half, the marginal entropy.

        Args:
            batch: Sources and target.
            progress: Says when the entropy begins.
        """
        assert batch.target is not None
        source = batch.pooled
        answers = self(source.images), self(batch.target.images)
        losses = {"task": F.cross_entropy(answers[0].logits.float(), source.labels)}
        return losses | self.alignment(*answers, source.hard_labels, progress)

    def alignment(
        self, source: Output, target: Output, labels: Tensor, progress: Progress
    ) -> dict[str, Tensor]:
        """Return the losses that join the domains.

        Args:
            source: Of the source rows.
            target: Of the target rows.
            labels: (B,) classes of the source rows.
            progress: Says when the entropy begins.
        """
        config = self.config
        confidence, pseudo = target.probabilities.detach().max(1)
        pseudo = pseudo.where(confidence >= config.confidence, -1)
        self.noted["shared_classes"] = _shared(labels, pseudo, self.classes)
        information = self.information(self.critic, (source.features, labels), (target.features, pseudo))
        losses = {"information": config.lam1 * information}
        if progress.epoch + 1 >= (config.entropy_from or progress.epochs / 2):
            weight = config.lam2**2 if config.lam2_squared else config.lam2
            losses["entropy"] = weight * self.marginal(target.logits)
            if config.conditional_weight:
                losses["conditional"] = config.conditional_weight * self.conditional(target.logits)
        return losses

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> OSA:
        """Return the method with the weights of a file of the authors' program, whose pictures were BGR.

        Its classes are surprise, fear, disgust, happiness, sadness, anger and neutral. The files have no
        critic. `layout="upstream_mixed"` answers as their program does, for the same batches.

        Args:
            state: The network's state dict, or a training file with `model` or `model_state_dict`.
            **options: Settings of the method.

        Raises:
            UserError: If names or shapes do not fit.
        """
        names = method_names(state)
        directions = len(names.get("attention.fusion", ()))
        method = cls(cls.Config(**{"directions": max(directions, 1), **options}), len(names["head.bias"]))
        report = load_weights(method, names, partial=True, source="the checkpoint")
        if lost := [name for name in report.missing if not name.startswith("critic.")]:
            raise UserError(f"The checkpoint lacks {len(lost)} tensors of the network, first {lost[0]}.")
        return method


def _shared(labels: Tensor, pseudo: Tensor, classes: int) -> Tensor:
    """How many classes both domains have rows of; a pseudo-label of -1 is none."""
    every = torch.arange(classes, device=labels.device)
    in_source, in_target = ((rows[:, None] == every).any(0) for rows in (labels, pseudo))
    return (in_source & in_target).sum().float()
