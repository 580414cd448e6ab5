"""One decision from two views' logits: the rules of LA-CMFER.

Its authors report the best of six rules on the test labels. Two of the six are a view alone, one is the mean
of the logits; the majority of the two views and their mean is always the mean's class, so it is no rule here.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from ferda.layers.precision import at_least_float32

FusionRule = Literal["mean_logits", "mean_prob", "global", "local", "max_logit", "vote"]


def fuse_views(global_logits: Tensor, local_logits: Tensor, rule: FusionRule = "mean_logits") -> Tensor:
    """Return logits whose softmax is the answer of both views.

    - `mean_logits`: their mean.
    - `mean_prob`: the logarithm of the mean of their probabilities.
    - `global`, `local`: one of them alone.
    - `max_logit`: of the two and their mean, the one with the largest logit.
    - `vote`: the mean where its class is that of a view, else `max_logit`.

    Args:
        global_logits: (B, C).
        local_logits: (B, C).
        rule: Which.

    Returns:
        (B, C).
    """
    if rule == "global":
        return global_logits
    if rule == "local":
        return local_logits
    if rule == "mean_prob":
        both = at_least_float32(torch.stack([global_logits, local_logits])).softmax(2).mean(0)
        return both.clamp_min(torch.finfo(both.dtype).tiny).log()
    mean = (global_logits + local_logits) / 2
    if rule == "mean_logits":
        return mean
    opinions = torch.stack([global_logits, local_logits, mean], 1)
    chosen = opinions.amax(2).argmax(1)
    largest = opinions[torch.arange(len(opinions), device=opinions.device), chosen]
    if rule == "max_logit":
        return largest
    classes = opinions.argmax(2)
    is_shared = (classes[:, :2] == classes[:, 2:]).any(1, keepdim=True)
    return torch.where(is_shared, mean, largest)
