"""How frequent each class is among faces without labels, and whether to believe it.

If the target has other shares of the classes than training had, and nothing else differs, then

    p_target(y | x)  ~  p(y | x) t_y / s_y,

with s the prior of the answers and t the target's shares. Saerens et al., Neural Computation 2002, find t by
expectation maximisation: t is the mean of the corrected answers, corrected with t, and so on. It climbs the
likelihood sum_i log sum_y p(y | x_i) t_y / s_y. Here every t_y stays within s_y / k and k s_y.

Where the target differs otherwise, too, or labels were wrong in training, the most likely shares are far from
the true ones, and the classes that few answers name are emptied. So a new prior must pass three checks, none
of which reads a label. Letters: n faces, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
#: Faces for each class, below which shares are not looked for.
_LEAST_ROWS = 10
_ROUNDS, _TOLERANCE = 2000, 1e-7
#: Part of what differs from the source's answers that new shares may leave unexplained; chosen in simulated
#: worlds (`tests/test_time/test_label_shift.py`), where corrections that leave more do harm as often as good.
_UNEXPLAINED = 0.1
#: Share of the answers from which on a class must not vanish from them.
_SEEN = 0.01


@dataclass(frozen=True)
class Estimate:
    """Shares of the classes among faces without labels.

    Attributes:
        shares: (C,) they sum to one.
        refused: Why the answers should stay as they are; None if they should be corrected.
    """

    shares: NDArray[np.float64]
    refused: str | None = None


def most_likely_shares(probabilities: Floats, prior: Floats, bound: float = np.inf) -> NDArray[np.float64]:
    """Return the shares of greatest likelihood, (C,), by expectation maximisation.

    Args:
        probabilities: (n, C) calibrated, rows sum to one.
        prior: (C,) above 0, that they assume.
        bound: k, at least 1.
    """
    shares = np.array(prior, np.float64)
    for _ in range(_ROUNDS if len(probabilities) else 0):
        former, mean = shares, corrected(probabilities, prior, shares).mean(0)
        shares = within(mean, np.divide(prior, bound), np.minimum(np.multiply(prior, bound), 1.0))
        if np.abs(shares - former).max() < _TOLERANCE:
            break
    return shares


def corrected(probabilities: Floats, prior: Floats, shares: Floats) -> NDArray[np.float64]:
    """Return answers under other shares of the classes, (n, C).

    Args:
        probabilities: (n, C), rows sum to one.
        prior: (C,) above 0, that they assume.
        shares: (C,) that they shall assume.
    """
    weighted = np.asarray(probabilities, np.float64) * (np.asarray(shares) / prior)
    total = weighted.sum(1, keepdims=True)
    # a row whose every class has lost its share knows nothing else than it did
    return np.where(total > 0, weighted / np.where(total > 0, total, 1.0), probabilities)


def within(shares: Floats, least: Floats, most: Floats) -> NDArray[np.float64]:
    """Return the most likely shares between bounds: `clip(c * shares, least, most)` with sum one.

    Args:
        shares: (C,) expected counts, or their shares.
        least: (C,), sum at most one.
        most: (C,), sum at least one.
    """
    shares = np.maximum(np.asarray(shares, np.float64), 1e-15)
    # the sum rises with c in straight pieces, whose ends are where a share meets its bound
    factors = np.sort(np.concatenate([least / shares, most / shares]))
    sums = np.clip(factors[:, None] * shares, least, most).sum(1)
    found = np.clip(np.interp(1.0, sums, factors) * shares, least, most)
    return np.asarray(found / found.sum())


def estimate(
    probabilities: Floats,
    prior: Floats,
    *,
    bound: float,
    sureness: float,
    by_class: Floats | None = None,
    seed: int = 0,
) -> Estimate:
    """Find the shares of the classes, and check whether they should be believed.

    Three checks. Shares found on one half of the faces must make the other half more likely, and the reverse,
    by more than chance. The answers' moments must be what the new shares let expect: of the distance to what
    the prior lets expect, nine tenths must be gone, or it is not the shares that differ. And no class that
    was answered may all but vanish from the answers.

    Args:
        probabilities: (n, C) calibrated, rows sum to one.
        prior: (C,) above 0, that they assume.
        bound: k, at least 1.
        sureness: Standard errors by which the likelihood must rise.
        by_class: (C, 2C) mean of `moments` over source rows of each class; None skips the second check.
        seed: Deals the faces to halves.
    """
    n, classes = probabilities.shape
    if n < _LEAST_ROWS * classes:
        return Estimate(np.asarray(prior), f"{n} faces are too few, it takes {_LEAST_ROWS * classes}")
    shares = most_likely_shares(probabilities, prior, bound)
    halves = np.array_split(np.random.default_rng(seed).permutation(n), 2)
    gains = np.concatenate(
        [
            _gains(probabilities[there], prior, most_likely_shares(probabilities[here], prior, bound))
            for here, there in (halves, halves[::-1])
        ]
    )
    if gains.mean() <= sureness * gains.std() / np.sqrt(n):
        return Estimate(shares, "faces held back do not become more likely with the new shares")
    if by_class is not None:
        seen = moments(probabilities).mean(0)
        before, after = (float(np.abs(seen - given @ by_class).sum()) for given in (prior, shares))
        if after > _UNEXPLAINED * before:
            return Estimate(
                shares,
                f"new shares explain only {100 * max(0.0, 1 - after / before):.0f} % of what sets these "
                "answers apart from those to the sources, so more differs than the shares",
            )
    answers = (rows.argmax(1) for rows in (probabilities, corrected(probabilities, prior, shares)))
    former, new = (np.bincount(each, minlength=classes) for each in answers)
    if ((former > _SEEN * n) & (new < former / bound)).any():
        return Estimate(shares, "a class would all but vanish from the answers")
    return Estimate(shares)


def moments(probabilities: Floats) -> NDArray[np.float64]:
    """Return what the second check compares, (n, 2C): the answers, and how sure they are.

    Args:
        probabilities: (n, C) calibrated.
    """
    rows = np.asarray(probabilities, np.float64)
    return np.concatenate([rows, rows**2], axis=1)


def _gains(probabilities: Floats, prior: Floats, shares: Floats) -> NDArray[np.float64]:
    """Logarithm of how much likelier each face is under the shares."""
    likelier = np.asarray(probabilities, np.float64) @ (shares / prior)
    return np.log(np.maximum(likelier, np.finfo(np.float64).tiny))
