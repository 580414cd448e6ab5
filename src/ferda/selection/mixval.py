"""Mixed pictures as probes: is a model true to itself between two faces?

MixVal (Hu et al., "Mixed samples as probes for unsupervised model selection in domain adaptation", NeurIPS
2023). Two pictures of the target are laid over each other, 55 % of one and 45 % of the other, and the model
should say of the mixture what it said of the stronger one. Pairs of one answer probe how dense its classes
are, pairs of two answers where its borders run. The shares of mixtures on which it keeps its word are ranked
over all checkpoints, each kind by itself, and the score is the mean of both ranks, so that neither scale
outweighs the other. The authors' program computes the two shares and leaves the ranking to its user.

It costs up to two further passes over the target's rows an epoch: only a run that chooses by it computes it.

Traps: it asks whether a model is true to itself, not whether it is right; one that is sure and wrong keeps
its word. A model that answers one class for everything keeps it for all pairs of one answer; it has no
others, which counts as no word kept. Pairs are as frequent as their expressions, so rare ones hardly count.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ferda.selection.outputs import EpochOutputs

NEEDS = ("target", "mixed")
SHARE = 0.55  # of the first picture of a pair


def pairs(answers: NDArray[np.integer]) -> NDArray[np.integer]:
    """Return which rows to mix: each with one of its own answer and with one of another, where there is any.

    Args:
        answers: (m,) class positions; the partners are drawn by chance, the same for the same answers.

    Returns:
        (k, 2) positions, the first of a pair is the stronger.
    """
    order = np.random.default_rng(0).permutation(len(answers))
    rings = [order[answers[order] == name] for name in np.unique(answers)]
    within = [np.stack([ring, np.roll(ring, 1)], 1) for ring in rings if len(ring) > 1]
    across = np.stack([order, np.roll(order, 1)], 1)
    across = across[answers[across[:, 0]] != answers[across[:, 1]]]
    return np.concatenate([*within, across])


def remember(outputs: EpochOutputs) -> NDArray[np.floating]:
    """Return the (2,) shares of pairs of one answer, and of two, whose mixture keeps the first one's answer.

    Args:
        outputs: Of one checkpoint, with mixtures of `pairs`; 0 for a kind of which there are none.
    """
    if outputs.mixed_rows is None or outputs.mixed_probabilities is None:
        raise ValueError("mixval needs answers for mixed pictures of the target")
    first, second = outputs.target_probabilities.argmax(1)[outputs.mixed_rows].T
    is_kept = outputs.mixed_probabilities.argmax(1) == first
    kinds = (first == second, first != second)
    return np.array([is_kept[kind].mean() if kind.any() else 0.0 for kind in kinds])


def compare(remembered: Sequence[NDArray[np.floating]]) -> list[float]:
    """Return the mean of each checkpoint's two ranks, from 1 for the worst; equal shares share their ranks.

    Args:
        remembered: The two shares of each checkpoint.
    """
    shares = np.stack(remembered)  # (epochs, 2)
    below = (shares[:, None] > shares[None]).sum(1)
    equal = (shares[:, None] == shares[None]).sum(1)
    return [float(rank) for rank in (below + (equal + 1) / 2).mean(1)]
