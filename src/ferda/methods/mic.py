"""MIC: what a teacher sees in a whole face of the target, the student shall see in a face with holes.

Hoyer et al., "MIC: Masked image consistency for context-enhanced domain adaptation", CVPR 2023. A class
that looks like another one where one looks first can be told by the rest of the picture. So the student gets
target faces of which most squares are hidden, with the labels that its teacher, an average of the student's
own weights, gives to the whole ones; a label counts as much as the teacher is sure of it:

    L = L_task + lambda_adv L_cdan + lambda_mcc L_mcc + lambda_mic 1/B sum_i q_i CE(f(M x_i); argmax g(x_i)),
    q_i = max_c softmax(g(x_i))_c,   g <- a g + (1 - a) f   once a step.

In the paper MIC stands beside other methods: for pictures beside CDAN and minimum class confusion, trained
sharpness-aware (SDAT: `training.sam=0.02`, `training.sam_on=task`). Weights of 0 leave these out. The student
is shown the strong view of the target (authors: colours and blur), the teacher the weak one. We do otherwise
than the authors' code: a square's side is a share of the picture's; the strong view is drawn for every
picture, not once for the whole training; q counts in both passes of a sharpness-aware step, not in the first
alone, whose climb is by all of their losses but the critic's.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Output, Progress
from ferda.layers.patch_mask import PatchMask
from ferda.losses.pseudo_label import PseudoLabelLoss
from ferda.memory.teacher import Teacher
from ferda.methods.base import Needs
from ferda.methods.cdan import CDAN, CDANConfig


class MICConfig(CDANConfig):
    """Settings of MIC; the defaults are those of the authors' MIC(SDAT).

    Attributes:
        masked_weight: lambda_mic.
        mask_fields: Squares a side that can be hidden (authors: pictures of 224 pixels have 4).
        mask_ratio: Probability of a square to be hidden.
        teacher_decay: a.
        quality: Weigh labels by q; otherwise all count 1 (authors: so for ResNet-101).
        entropy_weights: CDAN+E.
        confusion_weight: lambda_mcc.
    """

    masked_weight: float = Field(default=1.0, ge=0)
    mask_fields: int = Field(default=4, ge=1)
    mask_ratio: float = Field(default=0.7, ge=0, le=1)
    teacher_decay: float = Field(default=0.9, ge=0, lt=1)
    quality: bool = True
    entropy_weights: bool = False
    confusion_weight: float = Field(default=1.0, ge=0)


class MIC(CDAN):
    """Masked image consistency, beside CDAN and minimum class confusion or alone.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one domain for the critic.
    """

    Config = MICConfig
    needs = Needs(strong=True)
    training_only = (*CDAN.training_only, "teacher")

    def __init__(self, config: MICConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.masked_weight = config.masked_weight
        self.mask = PatchMask(config.mask_fields, config.mask_ratio)
        self.consistency = PseudoLabelLoss(config.quality)
        self.teacher = Teacher(self.network, config.teacher_decay)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return the losses of CDAN and class confusion, and `masked`.

        Args:
            batch: Sources, and target with a strong view.
            progress: Sets the strength of the reversal and the pace of the teacher.
        """
        assert batch.target is not None and batch.target.strong_images is not None
        self.teacher.follow(self.network, progress)
        taught: Output = self.teacher(batch.target.images)
        self.noted["teacher_confidence"] = taught.probabilities.max(1).values.mean()
        masked: Output = self.network(self.mask(batch.target.strong_images))
        losses = super().losses(batch, progress)
        losses["masked"] = self.masked_weight * self.consistency(masked.logits, taught.logits)
        return losses
