"""Seven heads, one answer: GLPC (AGLRLS, global-local prediction consistency) and its plainer relatives.

Where the fused or the global head is sure enough for its class, it decides alone. Elsewhere every head adds
the probabilities of those classes it is sure enough of, and the highest sum wins.

AGLRLS's code asks of the sums that a probability reach the learning status itself. The status of the most
frequent class is always 1, so this class is never added; and where nothing is added, class 0 wins. Our
default asks for the class's threshold instead, and where nothing reaches it, all heads are added as they
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32

CombinationRule = Literal["glpc_tau", "glpc", "glpc_sum", "global_fused", "mean", "fused", "global"]
Fallback = Literal["lowest", "sum"]
#: Heads in their order: the whole face first, all parts together last.
_GLOBAL, _FUSED = 0, -1
#: Share of the plain mean of all heads in the probabilities: a class nobody was sure of is not at zero.
_FLOOR = 1e-3


class Consistent(NamedTuple):
    """One answer from all heads.

    Attributes:
        answers: (B,) int64 class.
        stages: (B,) int64 position in `exits` of the head that decided alone; `len(exits)` for the sum. Zeros
            where a rule has no exits.
        probabilities: (B, C) whose highest is the answer.
    """

    answers: Tensor
    stages: Tensor
    probabilities: Tensor


def combined_prediction(
    logits: Tensor, thresholds: Tensor, status: Tensor, rule: CombinationRule = "glpc_tau"
) -> Consistent:
    """Combine heads by a rule's name.

    `glpc_tau`: our default, as told above · `glpc`: AGLRLS's code, number by number · `glpc_sum`: its paper's
    figure, the filtered sum without early exits · `global_fused`: mean of these two heads (CGLRL) · `mean` of
    all heads · `fused` or `global` alone.

    Args:
        logits: (heads, B, C), the global head first, the fused head last.
        thresholds: (heads, C), see `ferda.losses.consistency.class_thresholds`.
        status: (heads, C) learning status.
        rule: One of the names above.
    """
    if rule == "glpc":
        return consistent_prediction(logits, thresholds, status, fallback="lowest")
    if rule == "glpc_tau":
        return consistent_prediction(logits, thresholds, thresholds)
    if rule == "glpc_sum":
        return consistent_prediction(logits, thresholds, thresholds, exits=())
    chosen = {"global": [_GLOBAL], "fused": [_FUSED], "global_fused": [_GLOBAL, _FUSED]}
    if rule not in get_args(CombinationRule):
        raise ValueError(f"a rule is one of {', '.join(get_args(CombinationRule))}, got {rule}")
    heads = chosen.get(rule, list(range(len(logits))))
    probabilities = at_least_float32(logits[heads]).softmax(2).mean(0)
    answers = probabilities.argmax(1)
    return Consistent(answers, torch.zeros_like(answers), probabilities)


def consistent_prediction(
    logits: Tensor,
    exit_thresholds: Tensor,
    sum_thresholds: Tensor,
    exits: Sequence[int] = (_FUSED, _GLOBAL),
    fallback: Fallback = "sum",
) -> Consistent:
    """Combine the heads of a global-local network.

    The probabilities are those of the head that decided alone, or the filtered sum divided by its total; a
    thousandth of the mean of all heads keeps them above zero. Where a tie or the rule `"lowest"` makes
    another class the answer than the highest of them, the answer's is lifted just above it.

    Args:
        logits: (heads, B, C).
        exit_thresholds: (heads, C) what a head must reach to decide alone.
        sum_thresholds: (heads, C) what a probability must reach to be added.
        exits: Heads that may decide alone, first come first served.
        fallback: Where no probability is added: `"sum"` of all without filter, or the `"lowest"` class.
    """
    check_shape(logits, "K B C", "logits")
    probabilities = at_least_float32(logits).softmax(2)
    mean = probabilities.mean(0)
    added = torch.where(probabilities >= sum_thresholds.unsqueeze(1), probabilities, 0).sum(0)
    if fallback == "sum":
        added = torch.where((added == 0).all(1, keepdim=True), mean, added)
    answers = added.argmax(1)
    combined = added + _FLOOR * mean
    stages = torch.full_like(answers, len(exits))
    for stage, head in reversed(list(enumerate(exits))):
        highest, labels = probabilities[head].max(1)
        decides = highest >= exit_thresholds[head].to(highest)[labels]
        answers = torch.where(decides, labels, answers)
        stages = torch.where(decides, stage, stages)
        combined = torch.where(decides.unsqueeze(1), probabilities[head], combined)
    return Consistent(answers, stages, _with_highest(combined, answers))


def _with_highest(shares: Tensor, answers: Tensor) -> Tensor:
    """Return rows that sum to one and whose first maximum is the answer."""
    answer = answers.unsqueeze(1)
    highest = shares.max(1, keepdim=True).values
    lifted = torch.where(shares.argmax(1, keepdim=True) == answer, highest, highest * (1 + 1e-3))
    shares = shares.scatter(1, answer, lifted)
    return shares / shares.sum(1, keepdim=True)
