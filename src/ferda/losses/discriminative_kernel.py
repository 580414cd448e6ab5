"""Features in which domains meet and classes part, by the kernels of pairs of rows.

Zhu et al., "Discriminative feature adaptation for cross-domain facial expression recognition" (DFA), ICB
2016, in the form of the CD-FER benchmark (Chen et al., IEEE TPAMI 2022).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision
from ferda.losses.class_kernel import Shape, Width, pair_kernel


class Likeness(NamedTuple):
    """How much alike rows are, as scalars between 0 and 1.

    Attributes:
        domains: Of both domains' means.
        within: Of two rows of a class: the mean over pairs, and over the classes that have a pair.
        between: Of two rows of different classes: the mean over pairs.
    """

    domains: Tensor
    within: Tensor
    between: Tensor


def likeness(
    source: Tensor,
    target: Tensor,
    labels: Tensor,
    classes: int,
    shape: Shape = "gaussian",
    width: Width = 1.0,
) -> Likeness:
    """Return DFA's three numbers; one without a pair is 0.

    Statistics of a batch, over all processes (gathered).

    Args:
        source: (n, D) features.
        target: (m, D) features.
        labels: (n,) classes of the source rows.
        classes: Number of classes `C`.
        shape: See `pair_kernel`.
        width: Likewise.
    """
    check_shape(target, "B D", "target", D=source.shape[1])
    source, target, labels = gathered(source), gathered(target), gathered(labels)
    means = torch.stack([source.mean(0), target.mean(0)])
    whole, n = pair_kernel(torch.cat([source, means]), shape, width), len(source)
    kernel = whole[:n, :n]
    members = functional.one_hot(labels, classes).to(kernel)
    counts = members.sum(0)
    pairs = counts * (counts - 1)
    with full_precision(kernel):
        of_class = (members * (kernel @ members)).sum(0)
    others = n**2 - counts.square().sum()
    return Likeness(
        whole[n, n + 1],
        (of_class / pairs.clamp_min(1)).sum() / (pairs > 0).sum().clamp_min(1),
        (kernel.sum() - of_class.sum()) / others.clamp_min(1),
    )
