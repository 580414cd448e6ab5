"""Balanced teacher: self-training in which the frequent expressions cannot take over.

Ours, of parts that are published each for itself. Two domains differ in how their faces look and in how
frequent each expression is; self-training answers to both with the frequent ones (a student of a plain mean
teacher gave LFW's anger and surprise to neutral). So the shares of the classes are taken out wherever
answers become labels:

    L = CE(f(x_s) + tau log pi; y) + lambda_pl 1/B sum_i q_i CE(f(strong x_i); c_i) + lambda_mcc L_mcc(f(x)),
    c_i = softmax((g(x_i) - alpha log m) / T),   q_i = max_c softmax(g(x_i) - alpha log m)_c.

* pi: shares of the classes in the source. A network trained with them added answers as if they were more
  equal (logit adjustment: Menon et al., ICLR 2021, equation 10; tau 1 is the whole of it).
* g: a mean teacher (Tarvainen and Valpola, NeurIPS 2017) that sees weak views, m: its mean answer
  (debiased pseudo-labels: Wang et al., CVPR 2022). The student sees strong views.
* L_mcc: minimum class confusion on weak views (Jin et al., ECCV 2020).

Sources, weak and strong views pass the network apart, each normalised by its own batch. Keep the weights with
the target's statistics: `training.target_norm=true`, as our recipe does.
"""

from __future__ import annotations

from pydantic import Field
from torch import Tensor

from ferda.batch import DomainBatch, Output, Progress
from ferda.losses.class_confusion import ClassConfusionLoss
from ferda.losses.pseudo_label import PseudoLabelLoss
from ferda.memory.answer_shares import AnswerShares
from ferda.memory.teacher import Teacher
from ferda.methods.base import Needs
from ferda.methods.classifier import ClassifierConfig, ClassifierMethod


class BalancedTeacherConfig(ClassifierConfig):
    """Settings of the balanced teacher; tau is `prior_strength`.

    Attributes:
        pseudo_weight: lambda_pl.
        debiasing: alpha.
        temperature: T.
        teacher_decay: Of the teacher's weights, a step.
        confusion_weight: lambda_mcc.
        confusion_temperature: Softens the predictions that L_mcc compares.
    """

    prior_strength: float = Field(default=0.3, ge=0)
    pseudo_weight: float = Field(default=1.0, ge=0)
    debiasing: float = Field(default=0.5, ge=0)
    temperature: float = Field(default=0.5, gt=0)
    teacher_decay: float = Field(default=0.99, ge=0, lt=1)
    confusion_weight: float = Field(default=1.0, ge=0)
    confusion_temperature: float = Field(default=2.5, gt=0)


class BalancedTeacher(ClassifierMethod):
    """A mean teacher, class confusion, and balance in source and pseudo-labels.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = BalancedTeacherConfig
    needs = Needs(strong=True)
    training_only = (*ClassifierMethod.training_only, "teacher", "taught")

    def __init__(self, config: BalancedTeacherConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        self.teacher = Teacher(self.network, config.teacher_decay)
        self.taught = AnswerShares(classes)
        self.teaching = PseudoLabelLoss(temperature=config.temperature)
        self.confusion = ClassConfusionLoss(config.confusion_temperature)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, `pseudo` and `confusion`.

        Args:
            batch: Sources, and target with a strong view.
            progress: Sets the pace of the teacher.
        """
        source, target = batch.pooled, batch.target
        assert target is not None and target.strong_images is not None
        self.teacher.follow(self.network, progress)
        said: Output = self.teacher(target.images)
        self.taught.take(said.probabilities)
        labels = self.taught.debiased(said.logits, self.config.debiasing)
        self.noted["teacher_confidence"] = labels.softmax(1).max(1).values.mean()
        return {
            "task": self.task_loss(self.network(source.images).logits, source.labels),
            "pseudo": self.config.pseudo_weight
            * self.teaching(self.network(target.strong_images).logits, labels),
            "confusion": self.config.confusion_weight * self.confusion(self.network(target.images).logits),
        }
