"""Dual-level inter-domain alignment (LA-CMFER): hard samples first, then classes as wholes.

Yang et al., "Learning with alignments: tackling the inter- and intra-domain shifts for cross-multidomain
facial expression recognition", ACM MM 2024. Both levels are MMDs under DAN's kernel: one of all rows with
weights, one of every class against every class.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.precision import at_least_float32
from ferda.losses.cluster_mmd import cluster_mmd
from ferda.losses.hardness import HardnessOf, hardness, has_partner, is_confident, shares
from ferda.losses.mmd import kernel_blocks, weighted_mmd


class Branch(NamedTuple):
    """What one branch says of one domain's rows.

    Attributes:
        features: (B, D).
        logits: (B, C).
    """

    features: Tensor
    logits: Tensor


class DualAlignmentLoss(nn.Module):
    """`L = L_sid + weight L_cid` of one branch, y the source's labels and y^ the target's most probable ones.

    Sample level: `L_sid = w_s^T K_ss w_s + w_t^T K_tt w_t - 2 w_s^T K_st w_t`, where w is the hardness
    (see `ferda.losses.hardness`) of the confident rows whose class the other domain has, too, summing to one.

    Class level: with S_a the confident source rows of class a and T_b the confident target rows that are
    thought to be b, `L_cid = mean_a MMD(S_a, T_a) - mean_{a != b} MMD(S_a, T_b)` over the pairs that have
    rows on both sides.

    Where nothing is to be compared either level is 0; sizes may differ; all weights and classes are without
    gradient. Statistics of a batch, over all processes (gathered).

    Args:
        confidence: Least probability of a confident row's most probable class (authors: 0.4).
        class_weight: Of L_cid (authors' code: 0.02).
        hardness_of: `logits` (authors' code), or `probs`.
        match: Whether rows without a partner class weigh nothing; the authors' code before 22 July 2024
            weighed them.
        masked_clusters: Whether S_a and T_b hold the confident rows alone; in the code before that day they
            hold all rows of a class that has a confident one.
        one_sided: If one domain has no weight at all, keep the other's one kernel term, which only pushes its
            rows apart (authors' code).
    """

    def __init__(
        self,
        confidence: float = 0.4,
        class_weight: float = 0.02,
        *,
        hardness_of: HardnessOf = "logits",
        match: bool = True,
        masked_clusters: bool = True,
        one_sided: bool = False,
    ) -> None:
        super().__init__()
        self.confidence = confidence
        self.class_weight = class_weight
        self.hardness_of: HardnessOf = hardness_of
        self.match = match
        self.masked_clusters = masked_clusters
        self.one_sided = one_sided

    def forward(self, source: Branch, labels: Tensor, target: Branch) -> Tensor:
        """Return the scalar loss.

        Args:
            source: Of the source rows.
            labels: (n,) classes of the source rows.
            target: Of the target rows.
        """
        check_shape(source.logits, "B C", "source.logits", B=len(labels))
        source, target = (Branch(*(gathered(rows) for rows in branch)) for branch in (source, target))
        labels = gathered(labels)
        loss = self.sample_level(source, labels, target)
        return loss + self.class_weight * self.class_level(source, labels, target)

    def sample_weights(self, source: Branch, labels: Tensor, target: Branch) -> tuple[Tensor, Tensor]:
        """Return w_s (n,) and w_t (m,), each summing to one or zero throughout.

        Args:
            source: Of the source rows.
            labels: (n,) classes of the source rows.
            target: Of the target rows.
        """
        guesses = target.logits.argmax(1)
        weights = []
        for logits, classes, others in (
            (source.logits, labels, guesses),
            (target.logits, guesses, labels),
        ):
            counted = is_confident(logits, self.confidence)
            if self.match:
                counted = counted & has_partner(classes, others)
            weights.append(shares(hardness(logits, classes, self.hardness_of) * counted))
        return weights[0], weights[1]

    def sample_level(self, source: Branch, labels: Tensor, target: Branch) -> Tensor:
        """Return L_sid of rows that are gathered already.

        Args:
            source: Of the source rows.
            labels: (n,) classes of the source rows.
            target: Of the target rows.
        """
        weights = self.sample_weights(source, labels, target)
        return weighted_mmd(kernel_blocks(source.features, target.features), *weights, self.one_sided)

    def class_level(self, source: Branch, labels: Tensor, target: Branch) -> Tensor:
        """Return L_cid of rows that are gathered already.

        Args:
            source: Of the source rows.
            labels: (n,) classes of the source rows.
            target: Of the target rows.
        """
        s = self._clusters(source.logits, labels)
        t = self._clusters(target.logits, target.logits.argmax(1))
        between = cluster_mmd(source.features, target.features, s, t)
        exists = s.any(0).unsqueeze(1) & t.any(0)
        same = torch.eye(len(between), dtype=torch.bool, device=between.device)
        own, other = exists & same, exists & ~same
        mean_own = (between * own).sum() / own.sum().clamp_min(1)
        mean_other = (between * other).sum() / other.sum().clamp_min(1)
        return (mean_own - mean_other) * (own.any() & other.any())

    def _clusters(self, logits: Tensor, classes: Tensor) -> Tensor:
        members = functional.one_hot(classes, logits.shape[1]).to(at_least_float32(logits).dtype)
        confident = members * is_confident(logits, self.confidence).unsqueeze(1)
        return confident if self.masked_clusters else members * confident.any(0)
