"""DETN: domains meet, a source face weighing as its class weighs in the target; a baseline of CD-FER.

Li and Deng, "Deep emotion transfer network for cross-database facial expression recognition", ICPR 2018, in
the form of the CD-FER benchmark (Chen et al., IEEE TPAMI 2022), on its global-local network. Stage one learns
the source; stage two adds the discrepancy of the features f, under a Gaussian kernel k of fixed width:

    L = CE(W f_s, y) + CE(V f_s,local, y) + lambda_mmd MMD(f_s, f_t; a),
    MMD = sum_{i != j} a_i a_j k_ij / n(n-1) + sum_{i != j} k_ij / m(m-1) - 2 sum_ij a_i k_ij / nm,
    a_i = share of class y_i in the target / its share in the source.

The target's shares are those of its predictions, made anew every 20th epoch of stage two. The source's are
those of the batches there were, so they are right for any sampler. The benchmark's program differs (`kernel`,
`pairs`); it also takes rows of other faces than its sampler meant, so its printed 56.68 % on average with
IR-50 from RAF-DB says little of the method.
"""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Progress
from ferda.losses.class_kernel import ReweightedMMDLoss, Shape
from ferda.memory.class_shares import ClassShares
from ferda.methods.base import TargetView
from ferda.methods.global_local import BenchmarkMethod, GlobalLocalConfig


class DETNConfig(GlobalLocalConfig):
    """Settings; the defaults are the benchmark's numbers.

    Attributes:
        mmd_weight: lambda_mmd.
        refresh: Epochs after which the target is predicted anew.
        kernel: `gaussian`, exp(-||x - y||^2 / 2 width^2), or `laplacian`, whose distance is not squared, as
            the benchmark's program has it.
        kernel_width: In the units of the features; `mean` puts the mean (squared) distance of a batch in the
            place of 2 width^2.
        pairs: Within a domain count pairs `twice`, as the unbiased estimate does, or `once`, as the
            benchmark's program does.
    """

    mmd_weight: float = Field(default=1.0, ge=0)
    refresh: int = Field(default=20, ge=1)
    kernel: Shape = "gaussian"
    kernel_width: Annotated[float, Field(gt=0)] | Literal["mean"] = 1.0
    pairs: Literal["twice", "once"] = "twice"


class DETN(BenchmarkMethod):
    """A global-local network whose domains meet in a reweighted mean discrepancy.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = DETNConfig
    stages = ("source", "adapt")

    def __init__(self, config: DETNConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.mmd_weight = config.mmd_weight
        self.refresh = config.refresh
        self.mmd = ReweightedMMDLoss(config.kernel, config.kernel_width, config.pairs == "once")
        self.shares = ClassShares(classes)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, and in the stage `adapt` what brings the domains together.

        Args:
            batch: Source rows, and in the stage `adapt` target rows.
            progress: Not used.
        """
        source = batch.pooled
        if batch.target is None:
            return {"task": self.task_loss(self(source.images, source.landmarks), source.labels)}
        parts, n = self.together(batch)
        answer = self.answer(parts.flatten(1))
        losses = {"task": self.task_loss(answer, source.labels)}
        return losses | self.alignment(batch, answer.features[:n], answer.features[n:])

    def alignment(self, batch: DomainBatch, seen: Tensor, unseen: Tensor) -> dict[str, Tensor]:
        """Return the losses that join the domains.

        Args:
            batch: Sources and target.
            seen: (B, D) features of the source rows.
            unseen: (B', D) of the target rows.
        """
        labels = batch.pooled.hard_labels
        self.shares.count(labels)
        return {"mmd": self.mmd_weight * self.mmd(seen, unseen, self.shares.weights(labels))}

    @torch.no_grad()
    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Predict the target anew, at the start of the stage `adapt` and now and then.

        Args:
            target: Its pictures.
            progress: Says which epoch begins.
        """
        if target is None or progress.epoch % self.refresh:
            return
        was_training = self.training
        self.eval()
        labels = [self(rows.images, rows.landmarks).logits.argmax(1) for rows in target.batches()]
        self.train(was_training)
        self.remember(torch.cat(labels))

    def remember(self, labels: Tensor) -> None:
        """Keep what the predictions say of the target.

        Args:
            labels: (N,) classes in the order of its rows.
        """
        self.shares.guess(labels)
