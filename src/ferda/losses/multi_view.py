"""Two views of the same unlabelled face shall agree: LA-CMFER's intra-domain alignment.

Yang et al., "Learning with alignments" (LA-CMFER), ACM MM 2024. The views are a global and a local branch.
They shall group the batch in the same way, and a class on which they agree, at least one of them sure,
teaches both.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.layers.precision import at_least_float32

ViewDistance = Literal["l1", "mse", "kl"]


class MultiViewClusteringLoss(nn.Module):
    """How far the classes of one view are from meeting their like in the other.

        M = P_1^T P_2   (C, C),
        L = 1/(2C) sum_{k != l} M_kl / sum_l M_kl  +  1/(2C) sum_{k != l} M_kl / sum_k M_kl.

    0 where both views are sure and agree, (C - 1) / C where they know nothing. A class that nobody predicts
    adds nothing; a batch of one says how undecided that row is. Statistics of a batch, over all processes
    (gathered).

    Args:
        temperature: P = softmax(z / temperature); below 1 it sharpens.
        of: `"probs"`, or `"logits"`: P = z as in the authors' code, where the sums may be zero or negative
            and the loss has no bound.
    """

    def __init__(self, temperature: float = 1.0, of: Literal["probs", "logits"] = "probs") -> None:
        super().__init__()
        self.temperature = temperature
        self.of_logits = of == "logits"

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the scalar loss of the (B, C) logits of two views."""
        check_shape(first, "B C", "first")
        check_shape(second, "B C", "second", B=len(first), C=first.shape[1])
        one, two = (at_least_float32(gathered(logits)) for logits in (first, second))
        if not self.of_logits:
            one, two = ((logits / self.temperature).softmax(1) for logits in (one, two))
        with full_precision(one):
            meetings = one.T @ two
        rows, columns = meetings / _safe(meetings.sum(1, keepdim=True)), meetings / _safe(meetings.sum(0))
        off = sum(((share.sum() - share.diagonal().sum()) for share in (rows, columns)), one.new_zeros(()))
        return off / (2 * first.shape[1])


class VotingLoss(nn.Module):
    """`L = mean over kept rows of CE(z_1, y) + CE(z_2, y)`, y the class on which both views agree.

    A row is kept if both views give it the same class and the more certain one is more certain than the
    threshold; without such a row it is 0. The gradient flows through both views. The mean is over the kept
    rows of all processes (gathered).

    Args:
        threshold: Probability (authors: 0.9).
    """

    def __init__(self, threshold: float = 0.9) -> None:
        super().__init__()
        self.threshold = threshold

    def vote(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Return (B,) classes and (B,) bool: which rows to believe.

        Args:
            first: (B, C) logits.
            second: (B, C) logits.
        """
        highest, classes = at_least_float32(torch.stack([first, second]).detach()).softmax(2).max(2)
        return classes[0], (classes[0] == classes[1]) & (highest > self.threshold).any(0)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the scalar loss of the (B, C) logits of two views."""
        check_shape(first, "B C", "first")
        check_shape(second, "B C", "second", B=len(first), C=first.shape[1])
        classes, kept = self.vote(first, second)
        views = [at_least_float32(logits) for logits in (first, second)]
        errors = sum(
            (functional.cross_entropy(logits, classes, reduction="none") for logits in views),
            views[0].new_zeros(()),
        )
        counted = gathered(torch.stack([errors * kept, kept.to(errors)], 1)).sum(0)
        return counted[0] / counted[1].clamp_min(1)


class ViewDistanceLoss(nn.Module):
    """Distance between the predictions of two views, which the authors tried in place of clustering.

    `l1` and `mse` take the logits, `kl` is the mean of both directions of the divergence of probabilities. A
    mean over rows needs no other process's rows (local).

    Args:
        kind: Which distance.
    """

    def __init__(self, kind: ViewDistance = "mse") -> None:
        super().__init__()
        if kind not in get_args(ViewDistance):
            raise ValueError(f"kind is one of {', '.join(get_args(ViewDistance))}, got {kind}")
        self.kind = kind

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the scalar loss of the (B, C) logits of two views."""
        check_shape(first, "B C", "first")
        check_shape(second, "B C", "second", B=len(first), C=first.shape[1])
        first, second = at_least_float32(first), at_least_float32(second)
        if self.kind == "l1":
            return (first - second).abs().mean()
        if self.kind == "mse":
            return (first - second).square().mean()
        one, two = first.log_softmax(1), second.log_softmax(1)
        # KL(p||q) + KL(q||p) = sum (p - q) (log p - log q)
        return ((one.exp() - two.exp()) * (one - two)).sum(1).mean() / 2


def _safe(sums: Tensor) -> Tensor:
    """Keep sums from zero: a class that nobody predicts divides nothing."""
    return torch.where(sums.abs() < 1e-12, 1e-12, sums)
