"""CADA: CDAN on global and local features, each domain with its own batch norm; a baseline of CD-FER.

Long et al., "Conditional adversarial domain adaptation", NeurIPS 2018, in the form of the CD-FER benchmark
(Chen et al., IEEE TPAMI 2022): AGRA without its graph and without partners. Stage one learns the source;
stage two adds a critic of domains that sees features and prediction together, rows of which the head is sure
counting more:

    L = CE(W g_s, y) + CE(V g_s,local, y) + lambda_adv L_adv(g, softmax(W g)),
    g_s = BN_s(f_s),   g_t = BN_t(f_t).

Faces are answered through the source's batch norm until stage two begins, through the target's from then on.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress
from ferda.layers.grl import reversal_coefficient
from ferda.losses.adversarial import DomainCritic
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.methods.base import TargetView
from ferda.methods.global_local import BenchmarkMethod, GlobalLocalConfig


class CADAConfig(GlobalLocalConfig):
    """Settings; the defaults are the benchmark's numbers.

    Attributes:
        adversarial_weight: lambda_adv.
        critic_hidden: Width of the critic.
        reversal: What the reversal's strength counts: `step` (of the stage, over `reversal_steps`), or
            `fraction` (of the stage that is done).
        reversal_steps: Steps after which the reversal is practically full.
    """

    adversarial_weight: float = Field(default=1.0, ge=0)
    critic_hidden: int = Field(default=512, ge=1)
    reversal: Literal["step", "fraction"] = "step"
    reversal_steps: int = Field(default=10_000, ge=1)


class CADA(BenchmarkMethod):
    """A global-local network with a batch norm for each domain, two heads and a critic.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = CADAConfig
    stages = ("source", "adapt")
    is_adapted: Tensor

    def __init__(self, config: CADAConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        width = self.features.width
        self.source_norm, self.target_norm = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.critics = DomainCritic(classes * width, config.critic_hidden)
        self.domain_loss = ConditionalAdversarialLoss()
        self.register_buffer("is_adapted", torch.tensor(False))

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; `views` has the logits of the `local` head.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: (B, 5, 2) pixels of `images`; None or NaN takes those of an average face.
        """
        rows = self.features(images, landmarks).flatten(1)
        return self.answer(torch.where(self.is_adapted, self.target_norm(rows), self.source_norm(rows)))

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, and in the stage `adapt` also `adversarial`.

        Args:
            batch: Source rows, and in the stage `adapt` target rows.
            progress: Where training stands.
        """
        source = batch.pooled
        if batch.target is None:
            rows = self.features(source.images, source.landmarks).flatten(1)
            return {"task": self.task_loss(self.answer(self.source_norm(rows)), source.labels)}
        parts, n = self.together(batch)
        rows = parts.flatten(1)
        seen, unseen = self.answer(self.source_norm(rows[:n])), self.answer(self.target_norm(rows[n:]))
        domain = self.domain_loss(
            self.critics,
            (seen.features, seen.logits),
            (unseen.features, unseen.logits),
            self._reversal(progress),
        )
        return {
            "task": self.task_loss(seen, source.labels),
            "adversarial": self.config.adversarial_weight * domain,
        }

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Note whether faces are now answered as the target's.

        Args:
            target: Not used.
            progress: Says which stage it is.
        """
        self.is_adapted.fill_(progress.stage == self.stages[-1])

    def _reversal(self, progress: Progress) -> float:
        is_share = self.config.reversal == "fraction"
        return reversal_coefficient(
            progress.fraction if is_share else progress.step / self.config.reversal_steps
        )
