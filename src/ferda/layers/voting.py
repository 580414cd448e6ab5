"""How the branches of an ensemble decide together.

`vote` is plurality: every branch names its most probable class, the class named most often wins, and of
classes named equally often the one that stands first. `mean_prob` and `mean_logit` average the branches'
probabilities or logits.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from ferda.checks import check_shape
from ferda.layers.precision import at_least_float32

VotingRule = Literal["vote", "mean_prob", "mean_logit"]

#: How much the winner of a vote stands above the class that is equally probable.
_NUDGE = 1e-6


def count_votes(logits: Tensor) -> Tensor:
    """Return how many branches name each class, (B, C) int64.

    Args:
        logits: (K, B, C) of K branches.
    """
    check_shape(logits, "K B C", "logits")
    named = logits.argmax(2).unsqueeze(2)
    return torch.zeros_like(logits, dtype=torch.int64).scatter(2, named, 1).sum(0)


def combine_branches(logits: Tensor, rule: VotingRule = "vote") -> Tensor:
    """Return one row of logits for every picture, (B, C) in float32 or better.

    Their largest is the class that the rule chooses, and `softmax` of them are probabilities. After a vote
    these are the mean of the branches' probabilities wherever that mean agrees with the vote. Where it
    prefers another class, the winner is lifted to that class's probability (and all divided by their sum):
    both then stand on top, side by side, which is what so divided an ensemble knows.

    Args:
        logits: (K, B, C) of K branches.
        rule: How they decide.
    """
    check_shape(logits, "K B C", "logits")
    logits = at_least_float32(logits)
    if rule == "mean_logit":
        return logits.mean(0)
    mean = logits.log_softmax(2).logsumexp(0) - math.log(len(logits))
    if rule == "mean_prob":
        return mean
    # argmax gives the first of several largest
    winner = count_votes(logits).argmax(1, keepdim=True)
    own, top = mean.gather(1, winner), mean.max(1, keepdim=True).values.detach()
    # the value is the other class's, the gradient its own, so that explanations are of the winner
    return mean.scatter(1, winner, top + _NUDGE + (own - own.detach()))


def mean_affect(said: Tensor, clip_valence: bool = True) -> Tensor:
    """Return the mean (B, 2) of what branches say of valence and arousal, each limited to [-1, 1].

    Args:
        said: (K, B, 2), unlimited.
        clip_valence: Whether valence is limited, and not arousal alone.
    """
    check_shape(said, "K B 2", "said")
    valence, arousal = at_least_float32(said).unbind(2)
    valence = valence.clamp(-1, 1) if clip_valence else valence
    return torch.stack([valence, arousal.clamp(-1, 1)], 2).mean(0)
