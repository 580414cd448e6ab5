"""ESR: an ensemble that grows branch by branch on one shared base.

Siqueira et al., "Efficient facial feature learning with wide ensemble-based convolutional neural networks",
AAAI 2020. The first convolutions learn what all faces share and are computed once; every branch reads their
map in its own way, and the branches vote. Training adds a branch at a time: the new one learns fast, the base
and the older branches slowly or not at all. With k branches z_1 .. z_k

    L = sum_b CE(z_b, y),      and for valence and arousal   L = sum_b (RMSE_valence + RMSE_arousal),

the latter in stages of their own that train nothing but a layer on ReLU(z_b). It learns from labelled faces
alone. The authors' trainings differ in `older_rate` and in what they start from: `esr_affectnet` (0.1, from
nothing), `esr_ferplus` (0.2, from nine trained branches), `esr_ckplus` (0: all but the new branch is frozen).

Different from their code: evaluation uses the running statistics of batch norm, where theirs normalises the
branches with the batch at hand (`bn_compat`); what is frozen does not follow the statistics of the data
either; branches without a loss are not run; ReLU stands before the affect layer in training, too
(`affect_relu`); valence is limited to [-1, 1] like arousal (`clip_valence`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor

from ferda.backbones.conv_stack import Layers, checked_layers
from ferda.backbones.esr import Answer, Layout, SharedEnsemble
from ferda.backbones.upstream_esr import VOTES, method_state, start_state
from ferda.backbones.weights import load_weights, read_state
from ferda.batch import DomainBatch, Labelled, Output, Progress
from ferda.errors import UserError
from ferda.layers.voting import VotingRule, combine_branches, mean_affect
from ferda.losses.affect import AffectLoss
from ferda.losses.heads import head_cross_entropy
from ferda.methods.base import Method, MethodConfig, Needs, ParameterGroup, TargetView


class ESRConfig(MethodConfig):
    """Settings; the defaults are the paper's ESR-9, for pictures of 96 pixels (54 at least).

    Attributes:
        branches: K.
        base: Layers that the branches share: channels of a convolution (the first 5x5, the others 3x3, none
            padded), or `pool`, which halves what stands before it.
        branch: Layers of a branch, likewise.
        last_padding: Of a branch's last convolution.
        grey: Take the mean of the three colours as the only one (ESR-4 for CK+).
        weights: Where to start from: a folder of the authors' files, or weights of this method. Heads for
            other classes start afresh.
        learns: `emotion` grows the branches, one stage each; `affect` trains valence and arousal on grown
            ones; `both` does one after the other.
        older_rate: Factor on the learning rate of base and older branches once there is a second one; 0
            freezes them.
        affect_older_rate: The same for the affect layers of older branches.
        affect_relu: Whether the affect layer reads ReLU of the logits; their training script leaves it out.
        clip_valence: Whether each branch's valence is limited to [-1, 1]; their program limits arousal alone.
        combine: `vote` (see `ferda.layers.voting` for the probabilities), `mean_prob` or `mean_logit`.
        bn_compat: `shipped`: branches normalise with each batch's own statistics even in evaluation, as the
            authors' program does. The answer to a face then depends on the faces beside it.
    """

    branches: int = Field(default=9, ge=1)
    base: Layers = Layout.base
    branch: Layers = Layout.branch
    last_padding: int = Field(default=Layout.last_padding, ge=0, le=1)
    grey: bool = False
    weights: str | None = None
    learns: Literal["emotion", "affect", "both"] = "emotion"
    older_rate: float = Field(default=0.1, ge=0)
    affect_older_rate: float = Field(default=0.1, ge=0)
    affect_relu: bool = True
    clip_valence: bool = True
    combine: VotingRule = "vote"
    bn_compat: Literal["eval", "shipped"] = "eval"

    @field_validator("base", "branch")
    @classmethod
    def _layers(cls, value: Layers) -> Layers:
        return checked_layers(value)


class ESR(Method):
    """Ensemble with shared representations.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all their rows count alike.
    """

    Config = ESRConfig
    needs = Needs(target=False)
    stages = tuple(f"branch_{number}" for number in range(1, 10))
    #: Whether an attention block follows every convolution.
    attention = False

    def __init__(self, config: ESRConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        layout = Layout(
            config.base,
            config.branch,
            config.last_padding,
            grey=config.grey,
            attention=self.attention,
            batch_statistics=config.bn_compat == "shipped",
        )
        self.network = SharedEnsemble(classes, config.branches, layout, affect=config.learns != "emotion")
        self.affect_loss = AffectLoss()
        if config.weights is not None:
            start = start_state(read_state(config.weights), self.state_dict())
            report = load_weights(self, start, partial=True, source=config.weights)
            logging.getLogger("ferda").info("the ensemble from %s: %s", config.weights, report)

    @classmethod
    def stages_for(cls, config: ESRConfig) -> tuple[str, ...]:
        """One stage a branch for expressions, then one a branch for valence and arousal.

        Args:
            config: Settings.
        """
        kinds = {"emotion": ("branch",), "affect": ("affect",), "both": ("branch", "affect")}[config.learns]
        return tuple(f"{kind}_{number}" for kind in kinds for number in range(1, config.branches + 1))

    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Give the vote to the branches that a stage trains.

        Args:
            target: None.
            progress: Knows the stage.
        """
        kind, number = _parsed(progress.stage)
        self.network.set_voters(*((self.config.branches, number) if kind == "affect" else (number, 0)))

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for a batch of faces with the branches that have been trained.

        `views` has the logits of every branch, `branch_1` and on; `attention_branch_1` and on, the places
        that a branch decided by; and `affect`, once that was learned.

        Args:
            images: (B, 3, H, W) normalised.
            landmarks: Not used.
        """
        network = self.network
        answers = network.answers(images, range(network.voters))
        logits = [answer.logits for answer in answers]
        views = {f"branch_{k}": row for k, row in enumerate(logits, start=1)}
        for k, answer in enumerate(answers, start=1):
            views[f"attention_branch_{k}"] = network.looked_at(k - 1, answer)
        if network.affect_voters:
            said = network.affect_of(logits[: network.affect_voters], self.config.affect_relu)
            views["affect"] = mean_affect(said, self.config.clip_valence)
        features = torch.cat([answer.features for answer in answers], 1)
        return Output(combine_branches(torch.stack(logits), self.config.combine), features, views)

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, the sum over the branches that learn; in stages for affect `affect` instead.

        Args:
            batch: Sources.
            progress: Knows the stage.

        Raises:
            UserError: If valence and arousal are to be learned and no source has any.
        """
        rows = batch.pooled
        kind, number = _parsed(progress.stage)
        if kind == "affect":
            return {"affect": self._affect_loss(rows, number)}
        learning = self.learning(progress.stage)
        answers = self.network.answers(rows.images, learning, learning)
        return {"task": self.task_loss(answers, rows)}

    def learning(self, stage: str) -> Sequence[int]:
        """Return which branches, from 0, learn while one is added: all up to it, or it alone.

        Args:
            stage: `branch_k`.
        """
        _, number = _parsed(stage)
        return range(0 if self.config.older_rate else number - 1, number)

    def task_loss(self, answers: Sequence[Answer], rows: Labelled) -> Tensor:
        """Return the sum of the branches' cross-entropies.

        Args:
            answers: Of the branches that learn.
            rows: With labels.
        """
        return head_cross_entropy(torch.stack([answer.logits for answer in answers]), rows.labels).sum()

    def parameter_groups(self, stage: str) -> Sequence[ParameterGroup]:
        """Groups `base`, `older` and `newest`: of whole branches, or of their affect layers.

        Args:
            stage: `branch_k` or `affect_k`.
        """
        kind, number = _parsed(stage)
        of_affect = kind == "affect"
        older = self.config.affect_older_rate if of_affect else self.config.older_rate
        names = [f"network.branches.{at}{'.affect' if of_affect else ''}" for at in range(number)]
        return (
            ParameterGroup("base", ("network.base",), rate=0 if of_affect else older if number > 1 else 1),
            ParameterGroup("older", tuple(names[:-1]), rate=older),
            ParameterGroup("newest", (names[-1],)),
        )

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> ESR:
        """Return the method with the weights of the authors' program, which has a file for every branch.

        Args:
            state: File name without its ending -> state dict. Without `fc_dimensional` in every branch the
                ensemble says nothing of valence and arousal.
            **options: Settings; the number of branches is that of the files.

        Raises:
            UserError: If a file is missing, or names or shapes do not fit.
        """
        given = method_state(state)
        told = {
            "branches": sum(name.endswith(".head.bias") for name in given),
            "learns": "both" if "network.branches.0.affect.bias" in given else "emotion",
        }
        method = cls(cls.Config(**(told | options)), classes=len(given["network.branches.0.head.bias"]))
        given[VOTES] = method.state_dict()[VOTES]
        load_weights(method, given, source="the checkpoint")
        return method

    def _affect_loss(self, rows: Labelled, number: int) -> Tensor:
        if rows.affect is None:
            raise UserError(
                "There is no valence and arousal to learn: the sources have no such columns from -1 to 1. "
                "Set method.learns=emotion, or add a source that has them."
            )
        answers = self.network.answers(rows.images, range(number), learning=())
        said = self.network.affect_of([answer.logits for answer in answers], self.config.affect_relu)
        loss: Tensor = self.affect_loss(said, rows.affect)
        return loss


def _parsed(stage: str) -> tuple[str, int]:
    """Kind and number of a stage's name."""
    kind, _, number = stage.partition("_")
    return kind, int(number)
