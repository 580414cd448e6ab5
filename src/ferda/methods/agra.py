"""AGRA: the parts of a face and those of its partner in the other domain exchange what they know in a graph.

Xie et al., "Adversarial graph representation adaptation for cross-domain facial expression recognition", ACM
MM 2020; Chen et al., IEEE TPAMI 2022. Every face gets a partner, the nearest centre of the other domain; the
global and five local parts of both are the nodes of a graph, and what comes out of a face's own six nodes, g,
is classified. Stage one learns the source; stage two adds a critic of domains on g, as in CDAN with entropy:

    L = CE(W g_s, y) + CE(V g_s,local, y) + lambda_adv L_adv(g, softmax(W g)).

Each domain has its own batch norm before the graph. The target's centres are found by k-means at the start of
a stage and every tenth epoch, as in the authors' code; the source's are the means of its classes, where the
code clusters too. We do otherwise as well: a partner is always looked up by features before batch norm, a
centre moves to the mean of its rows, not to one number, and the edges of the graph are normalised without
overwriting them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from ferda.backbones.global_local import PARTS
from ferda.backbones.upstream_aglrls import agra_state, backbone_name
from ferda.backbones.weights import load_weights, renamed, tensors_of
from ferda.batch import DomainBatch, Output, Progress
from ferda.errors import UserError
from ferda.layers.graph_propagation import GraphPropagation
from ferda.layers.grl import reversal_coefficient
from ferda.losses.adversarial import DomainCritic
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.losses.heads import head_cross_entropy
from ferda.memory.class_means import ClassMeans
from ferda.methods.base import Needs, TargetView
from ferda.methods.global_local import GlobalLocalConfig, GlobalLocalMethod


class AGRAConfig(GlobalLocalConfig):
    """Settings; the defaults are the authors' numbers.

    Attributes:
        adversarial_weight: lambda_adv.
        critic_hidden: Width of the critic.
        reversal: What the reversal's strength counts: `step` (of the stage, over `reversal_steps`),
            `fraction` (of the stage that is done), or `upstream` (calls of the critic, two a step).
        reversal_steps: Steps after which the reversal is practically full.
        graph_hidden: Features of a node between the two rounds within a domain.
        graph_dropout: Between these rounds.
        recluster: Epochs after which the target's centres are found anew.
        centre_rows: Rows that a centre collects before it moves.
        centre_momentum: Share of the way to their mean that it moves.
        centre_update: `mean` of the rows by feature, or `scalar`: one number for all features, which the
            authors' program takes by mistake.
        lookup: Features by which a partner is found in training: `raw`, as in use, or `normalised`, as the
            authors' program does in training alone.
        inference: Which nodes answer: those of the `source`, of the `target`, or `auto`: the source's until
            the stage `adapt` begins.
    """

    adversarial_weight: float = Field(default=1.0, ge=0)
    critic_hidden: int = Field(default=512, ge=1)
    reversal: Literal["step", "fraction", "upstream"] = "step"
    reversal_steps: int = Field(default=10_000, ge=1)
    graph_hidden: int = Field(default=128, ge=1)
    graph_dropout: float = Field(default=0.5, ge=0, lt=1)
    recluster: int = Field(default=10, ge=1)
    centre_rows: int = Field(default=32, ge=0)
    centre_momentum: float = Field(default=0.1, gt=0, le=1)
    centre_update: Literal["mean", "scalar"] = "mean"
    lookup: Literal["raw", "normalised"] = "raw"
    inference: Literal["auto", "source", "target"] = "auto"


class AGRA(GlobalLocalMethod):
    """A global-local network with a graph, centres of both domains, two heads and a critic.

    Args:
        config: Settings.
        classes: Number of classes `C`.
        sources: Number of source domains; all count as one.
    """

    Config = AGRAConfig
    needs = Needs(landmarks=True)
    stages = ("source", "adapt")
    sampling = "pooled"
    is_adapted: Tensor

    def __init__(self, config: AGRAConfig, classes: int, sources: int = 1) -> None:
        super().__init__(config, classes, sources)
        self.config = config
        width = self.features.width
        is_scalar = config.centre_update == "scalar"
        self.source_norm, self.target_norm = nn.BatchNorm1d(width), nn.BatchNorm1d(width)
        self.source_centres, self.target_centres = (
            ClassMeans(classes, width, config.centre_momentum, config.centre_rows, is_scalar)
            for _ in range(2)
        )
        self.graph = GraphPropagation(
            config.part_width, config.graph_hidden, parts=PARTS, dropout=config.graph_dropout
        )
        self.head = nn.Linear(width, classes)
        self.local_head = nn.Linear(width - config.part_width, classes)
        for head in (self.head, self.local_head):
            nn.init.xavier_normal_(head.weight)
            nn.init.zeros_(head.bias)
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
        as_target = self.is_adapted | (self.config.inference == "target")
        as_target = as_target & (self.config.inference != "source")
        source = torch.where(as_target, self.source_centres(rows), rows)
        target = torch.where(as_target, rows, self.target_centres(rows))
        of_source, of_target = self._through_graph(self.source_norm(source), self.target_norm(target))
        features = torch.where(as_target, of_target, of_source)
        logits, local = self._answers(features)
        return Output(logits, features, {"local": local})

    def losses(self, batch: DomainBatch, progress: Progress) -> dict[str, Tensor]:
        """Return `task`, and in the stage `adapt` also `adversarial`.

        Args:
            batch: Source rows, and target rows, which the stage `source` does not look at.
            progress: Where training stands.
        """
        source = batch.pooled
        if progress.stage == "source" or batch.target is None:
            rows = self.features(source.images, source.landmarks).flatten(1)
            self.source_centres.update(rows, source.hard_labels)
            partners = self.target_norm(self.target_centres(rows))
            features, _ = self._through_graph(self.source_norm(rows), partners)
            return {"task": _task(*self._answers(features), source.labels)}
        parts, n = self.together(batch)
        rows = parts.flatten(1)
        self.source_centres.update(rows[:n], source.hard_labels)
        self.target_centres.update(rows[n:])
        features = self._both(rows[:n], rows[n:])
        logits, local = self._answers(features)
        # their critic counts its calls from one, and is called once more a step to log its accuracy
        calls = 2 * progress.step + 1 if self.config.reversal == "upstream" else progress.step
        domain = self.domain_loss(
            self.critics,
            (features[:n], logits[:n]),
            (features[n:], logits[n:]),
            self._reversal(progress, calls),
            entropy_reversal=self._reversal(progress, progress.step),
        )
        return {
            "task": _task(logits[:n], local[:n], source.labels),
            "adversarial": self.config.adversarial_weight * domain,
        }

    def uses_target(self, stage: str) -> bool:
        """Both stages do: the first needs the target's centres, though not its rows.

        Args:
            stage: Any.
        """
        return True

    @torch.no_grad()
    def begin_epoch(self, target: TargetView | None, progress: Progress) -> None:
        """Find the target's centres, at the start of a stage and now and then.

        Args:
            target: Its pictures.
            progress: Says which stage and epoch begin.
        """
        self.is_adapted.fill_(progress.stage == self.stages[-1])
        if target is None or progress.epoch % self.config.recluster:
            return
        was_training = self.training
        self.eval()
        rows = [self.features(batch.images, batch.landmarks).flatten(1) for batch in target.batches()]
        self.train(was_training)
        self.target_centres.start(torch.cat(rows))

    @classmethod
    def from_upstream(cls, state: Mapping[str, Any], **options: Any) -> AGRA:
        """Return the method with the network, graph and centres of a file of the authors' program.

        It answers by the target's nodes; `inference="source"` is for a file of their first stage.

        Args:
            state: The network's state dict, or a training file around it.
            **options: Settings that differ from the authors' code.

        Raises:
            UserError: If names or shapes do not fit.
        """
        model = renamed(tensors_of(state), ())
        if "GCN.IntraAdjMatrix" not in model or "fc.bias" not in model:
            raise UserError("A checkpoint of AGRA has GCN.IntraAdjMatrix and fc.bias, this one has not.")
        classes = len(model["fc.bias"])
        method = cls(cls.Config(**({"backbone": backbone_name(model)} | options)), classes)
        report = load_weights(method, agra_state(state, classes), partial=True, source="the checkpoint")
        fresh = ("critics.", "is_adapted", "source_centres.", "target_centres.")
        if lost := [name for name in report.missing if not name.startswith(fresh)]:
            raise UserError(f"The checkpoint lacks {len(lost)} tensors of the network, first {lost[0]}.")
        method.is_adapted.fill_(True)
        return method

    def _both(self, source: Tensor, target: Tensor) -> Tensor:
        """Pass the graph with rows of both domains, each beside its partner; source rows come out first."""
        known = self.source_norm(source), self.target_norm(target)
        by_source, by_target = known if self.config.lookup == "normalised" else (source, target)
        partners = (
            self.source_norm(self.source_centres(by_target)),
            self.target_norm(self.target_centres(by_source)),
        )
        of_source, of_target = self._through_graph(
            torch.cat([known[0], partners[0]]), torch.cat([partners[1], known[1]])
        )
        return torch.cat([of_source[: len(source)], of_target[len(source) :]])

    def _through_graph(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Pass (B, D) of both domains, row by row one graph, and return the same."""
        nodes = torch.cat([source, target], 1).unflatten(1, (2 * PARTS, -1))
        of_source, of_target = self.graph(nodes).flatten(1).chunk(2, dim=1)
        return of_source, of_target

    def _answers(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.head(features), self.local_head(features[:, -self.local_head.in_features :])

    def _reversal(self, progress: Progress, count: int) -> float:
        if self.config.reversal == "fraction":
            return reversal_coefficient(progress.fraction)
        return reversal_coefficient(count / self.config.reversal_steps)


def _task(logits: Tensor, local: Tensor, labels: Tensor) -> Tensor:
    return head_cross_entropy(torch.stack([logits, local]), labels).sum()
