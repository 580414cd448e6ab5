"""SAFN: features of both domains grow longer step by step.

Xu et al., "Larger norm more transferable: an adaptive feature norm approach for unsupervised domain
adaptation", ICCV 2019. A network's features of a domain that it does not know are short, and short features
transfer badly. So every feature shall be a little longer than it is, in both domains (`stepwise`, SAFN), or
the mean length of each domain shall be one fixed radius (`hard`, HAFN):

    L = L_task + lambda 1/N sum_i (||f_i|| - (stopgrad ||f_i|| + d))^2   over all N rows of both domains,
    L = L_task + lambda ((mean ||f_s|| - R)^2 + (mean ||f_t|| - R)^2).

Source and target pass the network apart, as in the authors' code, which adds two means where SAFN has the one
over N, and so counts lambda twice. The features are those before dropout, whose length needs no preserving.
The CD-FER benchmark (Chen et al., IEEE TPAMI 2022) lists as SAFN what takes no row of the target: `cdfer` is
this on ferda's plain network, the stepwise loss of the source alone with d = 0.001.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Output, Progress
from ferda.losses.feature_norm import HardFeatureNormLoss, StepwiseFeatureNormLoss
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class SAFNConfig(ClassifierConfig):
    """Settings of SAFN.

    Attributes:
        kind: `stepwise`, `hard`, or `cdfer`, which is no adaptation.
        norm_weight: lambda (paper: 0.05).
        step: d; None is the paper's 1, for `cdfer` its 0.001.
        radius: R of `hard` (paper: 25).
    """

    kind: Literal["stepwise", "hard", "cdfer"] = "stepwise"
    norm_weight: float = Field(default=0.05, ge=0)
    step: float | None = Field(default=None, gt=0)
    radius: float = Field(default=25.0, gt=0)


class SAFN(ClassifierMethod):
    """Adaptive feature norm.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = SAFNConfig

    def __init__(self, config: SAFNConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.stepwise = StepwiseFeatureNormLoss(config.step or (0.001 if config.kind == "cdfer" else 1.0))
        self.hard = HardFeatureNormLoss(config.radius)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the task loss and the loss of the features' lengths.

        Args:
            batch: Sources, and the target unless the kind is `cdfer`.
            progress: Not used.
        """
        source = batch.pooled
        answers: list[Output] = [self.network(source.images)]
        if batch.target is not None and self.config.kind != "cdfer":
            answers.append(self.network(batch.target.images))
        features = [answer.features for answer in answers]
        if self.config.kind == "hard":
            norm = torch.stack([self.hard(rows) for rows in features]).sum()
        else:
            norm = self.stepwise(torch.cat(features))
        return {
            "task": self.task_loss(answers[0].logits, source.labels),
            "norm": self.config.norm_weight * norm,
        }

    def uses_target(self, stage: str) -> bool:
        """All kinds do but `cdfer`.

        Args:
            stage: Any.
        """
        return self.config.kind != "cdfer"
