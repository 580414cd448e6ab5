"""Pseudo-labels from a weak view teach a strong view, where they are sure enough for their class.

Sohn et al., "FixMatch", NeurIPS 2020, ask every class for the same confidence. Zhang et al., "FlexMatch",
NeurIPS 2021, ask less of classes that are learnt slowly: a status between 0 and 1 (see
`ferda.memory.learning_status`) lowers the class's threshold. AGLRLS does so for every head. All functions
take any leading axes, so that seven heads are one call.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

from torch import Tensor, nn

from ferda.layers.precision import at_least_float32

ThresholdMap = Literal["quadratic", "linear", "low_limit", "fixed", "convex", "product", "concave"]
ConsistencyKind = Literal["hard", "soft", "l2"]


class PseudoLabels(NamedTuple):
    """What the weak view says of each row.

    Attributes:
        labels: (*, B) most probable class.
        accepted: (*, B) whether its probability reaches the threshold of its class.
        certain: (*, B) whether its probability reaches the highest threshold there is.
    """

    labels: Tensor
    accepted: Tensor
    certain: Tensor


def class_thresholds(status: Tensor, kind: ThresholdMap = "quadratic", confidence: float = 0.95) -> Tensor:
    """Return how probable a class must be to be believed, from how well it is learnt.

    Every map rises with the status beta. With the confidence t:
    `quadratic` t ((beta + 1) / 2)^2 (AGLRLS) · `linear` t (beta + 1) / 2 · `low_limit` t / (2 - beta) ·
    `fixed` t · `convex` t beta / (2 - beta) (FlexMatch) · `product` t beta ·
    `concave` t (log(beta + 1) + 1/2) / (log 2 + 1/2).

    Args:
        status: (*, C) beta between 0 and 1.
        kind: Name of the map.
        confidence: t, what a completely learnt class must reach.

    Returns:
        (*, C).
    """
    match kind:
        case "quadratic":
            share = ((status + 1) / 2).square()
        case "linear":
            share = (status + 1) / 2
        case "low_limit":
            share = 1 / (2 - status)
        case "fixed":
            share = status.new_ones(status.shape)
        case "convex":
            share = status / (2 - status)
        case "product":
            share = status
        case "concave":
            share = (status.log1p() + 0.5) / (math.log(2) + 0.5)
        case _:
            raise ValueError(f"threshold map is one of {', '.join(get_args(ThresholdMap))}, got {kind}")
    return confidence * share


def pseudo_labels(logits: Tensor, thresholds: Tensor, confidence: float = 0.95) -> PseudoLabels:
    """Return the classes that a weak view predicts, and which of them to believe. Nothing carries a gradient.

    Args:
        logits: (*, B, C) of the weak view.
        thresholds: (*, C), see `class_thresholds`.
        confidence: What `certain` asks for.
    """
    highest, labels = at_least_float32(logits.detach()).softmax(-1).max(-1)
    needed = thresholds.to(highest).gather(-1, labels)
    return PseudoLabels(labels, highest >= needed, highest >= confidence)


class ConsistencyLoss(nn.Module):
    """`L = 1/B sum_i mask_i CE(z_i^strong ; c_i)` where `c_i` is the pseudo-label of the weak view.

    The mean runs over all rows, not over the accepted ones, so that few sure rows move little. A batch in
    which nothing is accepted gives 0. A mean over rows needs no other process's rows (local).

    Args:
        kind: `"hard"` labels (AGLRLS), `"soft"` labels softmax(z^weak / temperature) with the same mask, or
            `"l2"`, the mean squared difference of all logits, without mask.
        temperature: Of the soft labels.
    """

    def __init__(self, kind: ConsistencyKind = "hard", temperature: float = 0.5) -> None:
        super().__init__()
        self.kind = kind
        self.temperature = temperature

    def forward(self, strong_logits: Tensor, weak_logits: Tensor, pseudo: PseudoLabels) -> Tensor:
        """Return (*), a scalar where there are no leading axes.

        Args:
            strong_logits: (*, B, C), learn.
            weak_logits: (*, B, C), teach.
            pseudo: Of the weak logits.
        """
        if strong_logits.shape != weak_logits.shape or pseudo.labels.shape != strong_logits.shape[:-1]:
            raise ValueError(f"both views need equal shapes, got {strong_logits.shape}, {weak_logits.shape}")
        strong, weak = at_least_float32(strong_logits), at_least_float32(weak_logits.detach())
        if self.kind == "l2":
            return (strong - weak).square().mean((-2, -1))
        log_probabilities = strong.log_softmax(-1)
        if self.kind == "soft":
            errors = -(log_probabilities * (weak / self.temperature).softmax(-1)).sum(-1)
        else:
            errors = -log_probabilities.gather(-1, pseudo.labels.unsqueeze(-1)).squeeze(-1)
        return (errors * pseudo.accepted).mean(-1)
