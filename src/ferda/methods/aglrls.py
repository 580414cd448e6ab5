"""AGLRLS: global and local views of a face, each aligned, each taught by its own pseudo-labels.

Gao et al., "Adaptive global-local representation learning and selection for cross-domain facial expression
recognition", IEEE TMM 2024. Seven heads h look at the whole face, at five landmarks, and at all of it. Stage
one learns the source; stage two adds, for every head, a critic of domains (separate adversarial learning)
and labels that the head gives the target itself (feature-level pseudo-labels):

    L = sum_h w_h CE_h(source) + 1/2 sum_h L_adv,h + sum_h w_h L_cons,h,

with the entropy-weighted conditional loss of CDAN and FlexMatch's class thresholds. A step passes the network
three times: source and target as one batch, the target's weak view, the target's strong view; batch norm
learns from all three. Where paper and authors' code differ we follow the code, with the paper as an option.
We do otherwise: the reversal counts steps, not calls; GLPC asks of the added probabilities that they reach
the class's threshold (`ferda.layers.prediction_consistency` says why); the last epoch or an unlabelled score
chooses, not the target's labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ferda.backbones.global_local import HEAD_NAMES, HEADS, POINTS, HeadKind, PartCritics, PartHeads
from ferda.backbones.upstream_aglrls import backbone_name, method_state
from ferda.backbones.weights import load_weights, renamed, tensors_of
from ferda.batch import DomainBatch, Output, Progress, Unlabelled
from ferda.errors import UserError
from ferda.layers.grl import reversal_coefficient
from ferda.layers.prediction_consistency import CombinationRule, combined_prediction
from ferda.losses.adversarial import DomainAdversarialLoss
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.losses.consistency import (
    ConsistencyKind,
    ConsistencyLoss,
    ThresholdMap,
    class_thresholds,
    pseudo_labels,
)
from ferda.losses.heads import head_cross_entropy
from ferda.memory.learning_status import LearningStatus
from ferda.methods.base import Needs, TargetView
from ferda.methods.global_local import GlobalLocalConfig, GlobalLocalMethod

Weights = tuple[float, float, float, float, float, float, float]


class AGLRLSConfig(GlobalLocalConfig):
    """Settings; the defaults are the authors' code, except `inference`.

    Attributes:
        heads: `shared`: one classifier for the five local parts; `separate`: the paper's seven.
        discriminators: `shared`: one critic for the five local parts; `separate`: the paper's seven.
        source_weights: w_h in the stage `source`.
        adapt_weights: w_h in the stage `adapt`.
        adversarial: `cdan_e`, `cdan` without entropy weights, or `dann` on features alone.
        adversarial_weight: Of the sum over the heads.
        critic_hidden: Width of the critics; None is 512, and 128 for `dann`.
        reversal: What the reversal's strength counts: `step` (of the stage, over `reversal_steps`),
            `fraction` (of the stage that is done), or `upstream` (calls, two a step and ten for a shared
            one).
        reversal_steps: Steps after which the reversal is practically full.
        consistency: Kind of the pseudo-label loss.
        consistency_weight: Of the sum over the heads.
        threshold: Map from a class's learning status to its threshold.
        confidence: Threshold of a completely learnt class.
        status_reset: Whether the learning status is forgotten every `epoch` or `never`.
        weak_pass: `own` passes the weak view alone; `joint` takes its logits from the pass with the source,
            which saves a tenth of the time.
        strong_positions: Windows of the strong view: at the `weak` view's cells, or `moved` with the picture.
        inference: How the heads decide; `ferda.layers.prediction_consistency.combined_prediction` tells the
            rules. `glpc` is the code, `glpc_sum` the paper, `glpc_tau` ours.
    """

    heads: HeadKind = "shared"
    discriminators: HeadKind = "shared"
    source_weights: Weights = (5, 1, 1, 1, 1, 1, 5)
    adapt_weights: Weights = (7, 1, 1, 1, 1, 1, 7)
    adversarial: Literal["cdan_e", "cdan", "dann"] = "cdan_e"
    adversarial_weight: float = Field(default=0.5, ge=0)
    critic_hidden: int | None = Field(default=None, ge=1)
    reversal: Literal["step", "fraction", "upstream"] = "step"
    reversal_steps: int = Field(default=10_000, ge=1)
    consistency: ConsistencyKind = "hard"
    consistency_weight: float = Field(default=1.0, ge=0)
    threshold: ThresholdMap = "quadratic"
    confidence: float = Field(default=0.95, gt=0, le=1)
    status_reset: Literal["epoch", "never"] = "epoch"
    weak_pass: Literal["own", "joint"] = "own"
    strong_positions: Literal["weak", "moved"] = "weak"
    inference: CombinationRule = "glpc_tau"


class AGLRLS(GlobalLocalMethod):
    """Seven heads on a global-local network, with their critics and their learning status.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = AGLRLSConfig
    needs = Needs(strong=True, landmarks=True)
    stages = ("source", "adapt")
    sampling = "pooled"

    def __init__(self, config: AGLRLSConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.heads = PartHeads(classes, config.part_width, config.heads)
        plain = config.adversarial == "dann"
        self.critics = PartCritics(
            conditions=1 if plain else classes,
            part_width=config.part_width,
            hidden=config.critic_hidden or (128 if plain else 512),
            kind=config.discriminators,
        )
        self.status = LearningStatus(HEADS, classes)
        self.domain_loss = DomainAdversarialLoss()
        self.conditional_loss = ConditionalAdversarialLoss(config.adversarial == "cdan_e")
        self.consistency_loss = ConsistencyLoss(config.consistency)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces. Logits are logarithms of the combined probabilities.

        `views` has every head's logits by name, and `stage`: which head decided alone (0 fused, 1 global,
        2 none of them).

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; None or NaN takes those of an average face.
        """
        parts = self.features(images, landmarks)
        logits = self.heads(parts)
        views = dict(zip(HEAD_NAMES, logits, strict=True))
        combined = combined_prediction(logits, self._thresholds(), self.status.status, self.config.inference)
        views["stage"] = combined.stages
        smallest = torch.finfo(combined.probabilities.dtype).tiny
        return Output(combined.probabilities.clamp_min(smallest).log(), parts.flatten(1), views)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, and in the stage `adapt` also `adversarial` and `consistency`.

        Args:
            batch: Source rows, and target rows with both views and their index.
            progress: Where training stands.
        """
        source, target = batch.pooled, batch.target
        if progress.stage == "source" or target is None:
            logits = self.heads(self.features(source.images, source.landmarks))
            return {"task": _weighted(head_cross_entropy(logits, source.labels), self.config.source_weights)}
        parts, n = self.together(batch)
        logits = self.heads(parts)
        labelled = head_cross_entropy(logits[:, :n], source.labels)
        return {
            "task": _weighted(labelled, self.config.adapt_weights),
            "adversarial": self._adversarial(parts, logits, n, progress),
            "consistency": self._consistency(target, logits[:, n:]),
        }

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Forget the learning status, or give it the target's length.

        Args:
            target: Asked for its length only.
            progress: Not read.
        """
        if target is None:
            return
        if self.config.status_reset == "epoch" or self.status.table.shape[1] != len(target):
            self.status.start(len(target))

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> AGLRLS:
        """Return the method with the weights, critics and learning status of a file of the authors' program.

        Args:
            state: The network's state dict, or the whole training file with `model`, `classwise`, `ad_nets`.
            **options: Settings that differ from the authors' code.

        Raises:
            UserError: If names or shapes do not fit.
        """
        model = renamed(tensors_of(state), ())
        if "classifiers.0.bias" not in model:
            raise UserError("A checkpoint of AGLRLS has classifiers.0.bias, this one has not.")
        chosen = {"backbone": backbone_name(model), "inference": "glpc"} | options
        method = cls(cls.Config(**chosen), classes=len(model["classifiers.0.bias"]))
        report = load_weights(method, method_state(state), partial=True, source="the checkpoint")
        if lost := [name for name in report.missing if name.startswith(("features.", "heads."))]:
            raise UserError(f"The checkpoint lacks {len(lost)} tensors of the network, first {lost[0]}.")
        return method

    def _adversarial(self, parts: Tensor, logits: Tensor, n: int, progress: Progress) -> Tensor:
        views = (*parts.unbind(1), parts.flatten(1))
        total = logits.new_zeros((), dtype=torch.float32)
        for head, (features, scores) in enumerate(zip(views, logits, strict=True)):
            critic, strength = self.critics.of(head), self._reversal(progress, head)
            if self.config.adversarial == "dann":
                total = total + self.domain_loss(critic, features[:n], features[n:], strength)
            else:
                source, target = (features[:n], scores[:n]), (features[n:], scores[n:])
                total = total + self.conditional_loss(
                    critic, source, target, strength, entropy_reversal=self._reversal(progress)
                )
        return self.config.adversarial_weight * total

    def _consistency(self, target: Unlabelled, joint_logits: Tensor) -> Tensor:
        if target.index is None or target.strong_images is None:
            raise ValueError("aglrls needs the index and the strong view of the target rows")
        weak = joint_logits.detach()
        if self.config.weak_pass == "own":
            with torch.no_grad():
                weak = self.heads(self.features(target.images, target.landmarks))
        moved = self.config.strong_positions == "moved" and target.strong_landmarks is not None
        landmarks = target.strong_landmarks if moved else target.landmarks
        strong = self.heads(self.features(target.strong_images, landmarks))
        self.status.refresh()
        pseudo = pseudo_labels(weak, self._thresholds(), self.config.confidence)
        losses = self.consistency_loss(strong, weak, pseudo)
        self.status.remember(target.index, pseudo.labels, pseudo.certain)
        return self._weighted_consistency(losses)

    def _weighted_consistency(self, losses: Tensor) -> Tensor:
        return self.config.consistency_weight * _weighted(losses, self.config.adapt_weights)

    def _thresholds(self) -> Tensor:
        return class_thresholds(self.status.status, self.config.threshold, self.config.confidence)

    def _reversal(self, progress: Progress, head: int | None = None) -> float:
        """Strength for a head's critic; without a head that of the entropy weights, which count steps."""
        if self.config.reversal == "fraction":
            return reversal_coefficient(progress.fraction)
        time = progress.step
        if self.config.reversal == "upstream" and head is not None:
            # each critic is called once more a step to log its accuracy, after all losses are taken
            time = 2 * POINTS * time + head if self.critics.is_shared(head) else 2 * time + 1
        return reversal_coefficient(time / self.config.reversal_steps)


def _weighted(losses: Tensor, weights: Weights) -> Tensor:
    return (losses * losses.new_tensor(weights)).sum()
