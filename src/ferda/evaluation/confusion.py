"""Counts of (true, answered) pairs, and the shares that follow from them.

Every function takes one confusion matrix or a stack of thousands (leading axes), which is what makes
bootstrap intervals cheap: resample counts, not faces. Rows are true classes, columns are answers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.integer[Any]]


def confusion_matrix(labels: Integers, answers: Integers, classes: int) -> NDArray[np.int64]:
    """Count (true, answered) pairs.

    Args:
        labels: (n,) class positions.
        answers: (n,) class positions.
        classes: Number of classes `C`.
    """
    cells = np.asarray(labels, np.int64) * classes + np.asarray(answers, np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


def accuracy(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Share of right answers of one or of many confusion matrices.

    Args:
        matrix: (..., C, C) counts or weights.
    """
    return _share(_diagonal(matrix).sum(-1), matrix.sum((-2, -1)))


def recalls(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """(..., C) recall of each class, NaN for a class without faces.

    Args:
        matrix: (..., C, C) counts or weights.
    """
    return _share(_diagonal(matrix), matrix.sum(-1))


def precisions(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """(..., C) precision of each class, NaN for a class that was never answered.

    Args:
        matrix: (..., C, C) counts or weights.
    """
    return _share(_diagonal(matrix), matrix.sum(-2))


def f1_scores(matrix: NDArray[Any]) -> NDArray[np.float64]:
    """(..., C) F1 of each class, NaN for a class without faces.

    Args:
        matrix: (..., C, C) counts or weights.
    """
    faces = matrix.sum(-1)
    values = _share(2 * _diagonal(matrix), faces + matrix.sum(-2))
    return np.where(faces > 0, values, np.nan)


def macro(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the classes that have a value.

    Args:
        values: (..., C), NaN where a class does not occur.
    """
    return _share(np.nansum(values, -1), (~np.isnan(values)).sum(-1))


def _diagonal(matrix: NDArray[Any]) -> NDArray[Any]:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _share(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    part, whole = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(part, whole, out=np.full(whole.shape, np.nan), where=whole > 0)
