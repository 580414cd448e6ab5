"""Make probabilities mean what they say, on rows whose labels are known, and find which prior they assume.

A network's answers are those of Bayes' rule for some prior, the shares of the classes as its training made
them felt: class weights, balanced sampling or a loss of its own all bend it away from the counts. And the
answers are too sure or not sure enough. Both are measured on held-out rows of the source:

    log p(y | x) of these rows = a log p_y(x) + log h_y - log b_y + const,

with h the shares of the held-out rows, a the inverse temperature (Guo et al., ICML 2017) and b the prior that
is looked for. Alexandari et al., ICML 2020, show that the correction of label shift wants such a term for
each class besides the temperature. Letters: n rows, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.floating[Any]]
_LEAST_SLOPE = 0.05
_ROUNDS = 100


@dataclass(frozen=True)
class Calibration:
    """How a model's answers become calibrated ones.

    Attributes:
        temperature: Above 1 if the model is too sure.
        prior: (C,) shares of the classes that the calibrated answers assume.
    """

    temperature: float
    prior: NDArray[np.float64]

    def applied(self, probabilities: Floats) -> NDArray[np.float64]:
        """Return probabilities with the temperature, (n, C); the prior is not changed.

        Args:
            probabilities: (n, C), rows sum to one.
        """
        return tempered(probabilities, self.temperature)


def calibrate(probabilities: Floats, labels: Floats, prior: Floats) -> Calibration:
    """Fit temperature and prior by maximum likelihood, with Newton's method.

    One row's worth of doubt is on the side of temperature 1 and the prior given, so a class without held-out
    rows keeps what is said of it.

    Args:
        probabilities: (n, C) of held-out rows.
        labels: (n, C), rows sum to one.
        prior: (C,) above 0, what the recipe says that training showed.
    """
    values = logarithms(probabilities)
    labels = np.asarray(labels, np.float64)
    shares = smoothed(labels.sum(0))
    start = np.concatenate([[1.0], np.log(shares) - np.log(prior)])
    found, best = start, _objective(start, start, values, labels)
    for _ in range(_ROUNDS if len(values) else 0):
        gradient, curvature = _derivatives(found, start, values, labels)
        step = np.linalg.solve(curvature, gradient)
        length = 1.0
        while length > 1e-8:
            tried = found - length * step
            tried[0] = max(tried[0], _LEAST_SLOPE)
            value = _objective(tried, start, values, labels)
            if value < best:
                break
            length /= 2
        else:
            break
        has_arrived = best - value < 1e-12 * max(1.0, abs(best))
        found, best = tried, value
        if has_arrived:
            break
    assumed = np.exp(np.log(shares) - found[1:] - (np.log(shares) - found[1:]).max())
    return Calibration(float(1 / found[0]), assumed / assumed.sum())


def fit_temperature(probabilities: Floats, labels: NDArray[np.integer[Any]]) -> float:
    """Return the temperature under which held-out answers are likeliest (Guo et al., ICML 2017, section 4.2).

    Its logarithm has a standard normal prior, one row's worth of doubt: without rows it is 1.

    Args:
        probabilities: (n, C) of held-out rows.
        labels: (n,) classes.
    """
    values = logarithms(probabilities)

    def cost(exponent: float) -> float:
        answers = logarithms(softmax(values * np.exp(-exponent)))
        return float(0.5 * exponent**2 - answers[np.arange(len(labels)), labels].sum())

    return float(np.exp(minimize_scalar(cost, bounds=(-3.0, 3.0), method="bounded").x))


def tempered(probabilities: Floats, temperature: float) -> NDArray[np.float64]:
    """Return softmax(log p / temperature), (n, C): surer below 1, less sure above; the order stays.

    Args:
        probabilities: (n, C), rows sum to one.
        temperature: Above 0.
    """
    return softmax(logarithms(probabilities) / temperature)


def smoothed(counts: Floats) -> NDArray[np.float64]:
    """Return shares of which none is 0, as if every class had been seen once more.

    Args:
        counts: (C,), not negative.
    """
    more = np.asarray(counts, np.float64) + 1
    return np.asarray(more / more.sum())


def logarithms(probabilities: Floats) -> NDArray[np.float64]:
    """Return finite logarithms: 0 counts as the smallest float32.

    Args:
        probabilities: Not negative.
    """
    return np.log(np.maximum(np.asarray(probabilities, np.float64), np.finfo(np.float32).tiny))


def softmax(values: Floats) -> NDArray[np.float64]:
    """Return probabilities, (n, C).

    Args:
        values: (n, C) finite.
    """
    powers = np.exp(values - values.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _objective(found: Floats, start: Floats, values: Floats, labels: Floats) -> float:
    """Sum of -log p(label), and the doubt."""
    answers = logarithms(softmax(found[0] * values + found[1:]))
    return float(-(labels * answers).sum() + 0.5 * ((found - start) ** 2).sum())


def _derivatives(found: Floats, start: Floats, values: Floats, labels: Floats) -> tuple[Floats, Floats]:
    answers = softmax(found[0] * values + found[1:])
    mean = (answers * values).sum(1, keepdims=True)
    wrong = answers - labels
    gradient = np.concatenate([[(wrong * values).sum()], wrong.sum(0)]) + found - start
    cross = (answers * (values - mean)).sum(0)
    curvature = np.eye(len(found))
    curvature[0, 0] += (answers * (values - mean) ** 2).sum()
    curvature[0, 1:] += cross
    curvature[1:, 0] += cross
    curvature[1:, 1:] += np.diag(answers.sum(0)) - answers.T @ answers
    return gradient, curvature
