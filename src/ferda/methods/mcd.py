"""MCD: two heads find target faces on which they differ, and the features learn to leave them none.

Saito et al., "Maximum classifier discrepancy for unsupervised domain adaptation", CVPR 2018. A target face
far from those of the source is one on which two classifiers that know the source disagree. In every step all
learn the source (A); then the heads alone also learn to disagree on the target (B); then the features alone
learn, n times, to bring them together (C):

    A:  L = sum_h CE(f_h(x_s), y) + lambda_bal L_bal(f_h(x_t)),     B:  L - lambda_d D,     C:  lambda_d D,
    D = mean_i mean_c |p_1,ic - p_2,ic|   on the target.

Heads and class balance (lambda_bal) are those of the paper's VisDA networks; all of a step's passes hold both
domains, as there. The sum of both heads' logits decides, as in the authors' code for digits.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.batch import DomainBatch, Output, Progress, Update
from ferda.losses.class_balance import ClassBalanceLoss
from ferda.losses.discrepancy import HeadDiscrepancyLoss
from ferda.losses.head_contest import HeadContest
from ferda.methods.two_heads import TwoHeadConfig, TwoHeadMethod


class MCDConfig(TwoHeadConfig):
    """Settings of MCD.

    Attributes:
        discrepancy_weight: lambda_d.
        feature_updates: n (paper: 2 to 4).
        balance_weight: lambda_bal.
    """

    discrepancy_weight: float = Field(default=1.0, ge=0)
    feature_updates: int = Field(default=4, ge=1)
    balance_weight: float = Field(default=0.01, ge=0)


class MCD(TwoHeadMethod):
    """Maximum classifier discrepancy.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = MCDConfig

    def __init__(self, config: MCDConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.balance_weight = config.balance_weight
        self.balance = ClassBalanceLoss()
        self.contest = HeadContest(HeadDiscrepancyLoss(), config.discrepancy_weight, config.feature_updates)

    def make_head(self, width: int, config: TwoHeadConfig) -> nn.Module:
        """Return a head of three layers, with dropout before the two hidden ones and batch norm after.

        Args:
            width: D.
            config: Settings.
        """
        hidden, layers = config.head_width, list[nn.Module]()
        for d in (width, hidden):
            layers += [
                nn.Dropout(config.head_dropout),
                nn.Linear(d, hidden),
                nn.BatchNorm1d(hidden),
                nn.ReLU(),
            ]
        return nn.Sequential(*layers, nn.Linear(hidden, self.classes))

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces; `views` has the logits of both heads.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        features = self.features(images)
        first, second = (head(features) for head in self.heads)
        return Output(first + second, features, {"head_1": first, "head_2": second})

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task` and `balance`, the heads' `disagreement`, or the features' `discrepancy`.

        Args:
            batch: Sources and target.
            progress: Says which update it is.
        """
        assert batch.target is not None
        source = batch.pooled
        features = self.together(batch)
        logits = torch.stack([head(features) for head in self.heads])
        seen, unseen = logits.split([len(source), len(batch.target)], 1)
        balance = torch.stack([self.balance(head) for head in unseen]).sum()
        learned = {
            "task": torch.stack([self.task_loss(head, source.labels) for head in seen]).sum(),
            "balance": self.balance_weight * balance,
        }
        losses: dict[str, Tensor] = self.contest(progress.update, learned, unseen)
        return losses

    def updates(self, stage: str) -> Sequence[Update]:
        """All learn the task; the heads to disagree; the features, several times, to make them agree.

        Args:
            stage: Any.
        """
        return self.contest.updates("heads", "features")
