"""Deep embedded validation: the risk on the source, as the target would weigh it.

You et al., "Towards accurate model selection in deep unsupervised domain adaptation", ICML 2019. A
discriminator between the features of both domains says how much more often a held-out source row would turn
up in the target, w(x) = p(target) / p(source) N_source / N_target. The target's error is estimated by the
mean of w l over these rows, l their errors (0 or 1); that w has mean 1 serves as control variate:

    risk = mean(w l) + eta mean(w) - eta,    eta = -Cov(w l, w) / Var(w)

The authors teach the discriminator, a perceptron whose decay is chosen by held-out accuracy, on training
rows of the source. Here it is a logistic regression, whose penalty is chosen by held-out likelihood, and
each half of the held-out rows is weighed by the one that was taught on the other half: no further pass, and
no row that the network has learned by heart.

Another share of expressions is no harm where the features tell them apart. Traps: it believes that faces
with like features have like labels in both domains, so raters who mean something else by a word mislead it.
Where the domains can be told apart entirely, few rows or none carry all the weight; an error on faces that
no source row resembles is not seen at all.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ferda.selection.outputs import EpochOutputs

NEEDS = ("sources", "target")
_PENALTIES = (0.1, 0.01, 0.001)  # as scikit-learn has them: a small number is a strong penalty


def score(outputs: EpochOutputs) -> float:
    """Return minus the estimated error rate on the target; 0 is the best that can be expected.

    Args:
        outputs: Of one checkpoint, with source features.
    """
    known = outputs.source_labels >= 0
    if outputs.source_features is None or not known.any():
        raise ValueError("deep embedded validation needs features of labelled source rows")
    wrong = outputs.source_probabilities[known].argmax(1) != outputs.source_labels[known]
    weights = density_ratios(outputs.source_features[known], outputs.target_features)
    return -risk(weights, wrong.astype(np.float64))


def risk(weights: NDArray[np.float64], losses: NDArray[np.float64]) -> float:
    """Return the weighted risk with its control variate.

    Args:
        weights: (n,) density ratios; if they are all the same, the control variate is 0.
        losses: (n,).
    """
    weighted = weights * losses
    variance = np.var(weights, ddof=1) if len(weights) > 1 else 0.0
    eta = -np.cov(weighted, weights)[0, 1] / variance if variance > 0 else 0.0
    return float(weighted.mean() + eta * weights.mean() - eta)


def density_ratios(source: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return for each source row how much more often the target has its like.

    Args:
        source: (n, D) features; of fewer than four rows no half can teach, and all ratios are 1.
        target: (m, D), likewise.
    """
    if min(len(source), len(target)) < 4:
        return np.ones(len(source))
    both = np.concatenate([source, target]).astype(np.float64)
    both = (both - both.mean(0)) / np.maximum(both.std(0), 1e-12)
    is_target = np.repeat([False, True], [len(source), len(target)])
    rng = np.random.default_rng(0)
    half = np.concatenate([rng.permutation(len(rows)) % 2 for rows in (source, target)]).astype(bool)
    tried = [_log_odds(both, is_target, half, penalty) for penalty in _PENALTIES]
    signs = np.where(is_target, 1.0, -1.0)
    log_odds = min(tried, key=lambda odds: float(np.logaddexp(0, -signs * odds).mean()))
    return np.exp(log_odds[~is_target]) * len(source) / len(target)


def _log_odds(
    rows: NDArray[np.float64], is_target: NDArray[np.bool_], half: NDArray[np.bool_], penalty: float
) -> NDArray[np.float64]:
    """(n + m,) log odds of the target for each row, from who was taught on the other half."""
    from sklearn.linear_model import LogisticRegression

    found = np.zeros(len(rows))
    for own in (half, ~half):
        taught = LogisticRegression(C=penalty, max_iter=500).fit(rows[~own], is_target[~own])
        found[own] = taught.decision_function(rows[own])
    return found
