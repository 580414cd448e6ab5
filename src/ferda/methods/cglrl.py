"""CGLRL: AGLRLS's ancestor, whose heads must agree before a target row is believed.

Xie et al., "Learning consistent global-local representation for cross-domain facial expression recognition",
ICPR 2022. The network is AGLRLS's with seven classifiers and seven critics. Before every epoch all target
rows pass once; where all heads name one class, each with an entropy of at most a tenth of the largest, a row
has that label for the epoch:

    L = sum_h w_h CE_h(source) + 1/2 sum_h L_adv,h + sum_h w_h mean_i mask_i CE_h(target_i ; c_i).

The paper could not be read; this follows what its authors left in AGLRLS's code. They accept a set of labels
only if it is 97 % right by the target's true labels. We have none, so every set is accepted. The rows learn
from the pass they make with the source.
"""

from __future__ import annotations

import math

import torch
from pydantic import Field
from torch import Tensor

from ferda.backbones.global_local import HEADS, HeadKind
from ferda.batch import Progress, Unlabelled
from ferda.layers.agreement import agreement
from ferda.layers.prediction_consistency import CombinationRule
from ferda.losses.consistency import ConsistencyLoss, PseudoLabels
from ferda.methods.aglrls import AGLRLS, AGLRLSConfig
from ferda.methods.base import Needs, TargetView


class CGLRLConfig(AGLRLSConfig):
    """Settings; those of AGLRLS about thresholds and the strong view are not read.

    Attributes:
        heads: As in AGLRLS.
        discriminators: As in AGLRLS.
        inference: As in AGLRLS; the mean of global and fused head.
        agreement_heads: Positions of the heads that must agree, 0 global, 1 to 5 local, 6 fused.
        entropy_share: Highest entropy of each, as a share of the largest there is, log C.
    """

    heads: HeadKind = "separate"
    discriminators: HeadKind = "separate"
    inference: CombinationRule = "global_fused"
    agreement_heads: tuple[int, ...] = tuple(range(HEADS))
    entropy_share: float = Field(default=0.1, gt=0, le=1)


class CGLRL(AGLRLS):
    """AGLRLS's network, taught by the target rows on which its heads agree.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = CGLRLConfig
    needs = Needs(landmarks=True)

    def __init__(self, config: CGLRLConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.agreement_heads = config.agreement_heads
        self.entropy_max = config.entropy_share * math.log(classes)
        self.consistency_loss = ConsistencyLoss("hard")

    @torch.no_grad()
    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Choose this epoch's pseudo-labels by one pass over the target.

        Args:
            target: Its pictures and row numbers.
            progress: Not read.
        """
        if target is None:
            return
        self.status.start(len(target))
        was_training = self.training
        self.eval()
        for rows in target.batches():
            assert rows.index is not None
            logits = self.heads(self.features(rows.images, rows.landmarks))
            accepted, labels = agreement(logits, self.agreement_heads, self.entropy_max)
            self.status.remember(rows.index, labels.expand(HEADS, -1), accepted.expand(HEADS, -1))
        self.status.refresh()
        self.train(was_training)

    def _consistency(self, target: Unlabelled, joint_logits: Tensor) -> Tensor:
        if target.index is None:
            raise ValueError("cglrl needs the index of the target rows")
        labels = self.status.table[:, target.index].long()
        pseudo = PseudoLabels(labels.clamp_min(0), labels >= 0, labels >= 0)
        return self._weighted_consistency(self.consistency_loss(joint_logits, joint_logits, pseudo))
