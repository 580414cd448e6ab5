"""How often is it right, and about which expressions? Pure functions on arrays.

Everything but calibration comes from one confusion matrix. Two rules differ from the usual library defaults,
because expression data sets are unequal and often lack a class:

* Macro averages run over the classes that *occur among the labels*. A class without a single face has no
  recall; counting it as 0 (or as 1) would make two data sets incomparable. `Scores.absent` names them.
* Scoring a subset (say five of seven classes) leaves out the faces of other classes, but not the answers: who
  answers "disgust" where disgust was not asked for is wrong.

Letters: `n` faces, `C` classes. Rows of a confusion matrix are true classes, columns are answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferda.errors import UserError, nearest
from ferda.evaluation.calibration import (
    Floats,
    ReliabilityBin,
    brier_score,
    calibration_error,
    negative_log_likelihood,
    reliability_table,
)
from ferda.evaluation.confusion import (
    Integers,
    accuracy,
    confusion_matrix,
    f1_scores,
    macro,
    precisions,
    recalls,
)


@dataclass(frozen=True)
class ClassScores:
    """One class.

    Attributes:
        name: The expression.
        faces: Faces of this class (support).
        answered: Faces for which the model answered this class.
        precision: Share of the answers that is right; None if it was never answered.
        recall: Share of the faces that is found; None if there is no such face.
        f1: Harmonic mean of both, 0 if the class was never answered; None if there is no such face.
    """

    name: str
    faces: int
    answered: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Scores:
    """What one model did on one set of faces. All shares are 0 to 1.

    Attributes:
        classes: The model's classes, in its order.
        scored: The classes whose faces were scored.
        absent: Scored classes without a single face; left out of macro averages.
        faces: Faces scored.
        left_out: Faces of classes that were not to be scored.
        confusion: (C, C) counts, rows true, columns answered.
        accuracy: Share of right answers.
        macro_recall: Mean recall of the classes that occur (balanced accuracy).
        macro_f1: Mean F1 of the classes that occur.
        ece: Expected calibration error in 15 (or `bins`) bins of equal width.
        ece_adaptive: The same in bins of equal numbers of faces.
        nll: Mean negative log likelihood.
        brier: Brier score, 0 to 2.
        per_class: One entry per class of the model.
        reliability: Bins of equal width behind `ece`.
    """

    classes: tuple[str, ...]
    scored: tuple[str, ...]
    absent: tuple[str, ...]
    faces: int
    left_out: int
    confusion: tuple[tuple[int, ...], ...]
    accuracy: float
    macro_recall: float
    macro_f1: float
    ece: float
    ece_adaptive: float
    nll: float
    brier: float
    per_class: tuple[ClassScores, ...]
    reliability: tuple[ReliabilityBin, ...]

    @property
    def matrix(self) -> NDArray[np.int64]:
        """(C, C) the confusion matrix as an array."""
        return np.array(self.confusion, np.int64)

    @property
    def majority(self) -> float:
        """Accuracy of always answering the most frequent class: what a number must beat to mean anything."""
        return float(self.matrix.sum(1).max() / self.faces)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Scores:
        """Rebuild from `to_dict`, also after a trip through JSON.

        Args:
            values: What `to_dict` returned.
        """
        return cls(
            **{
                **values,
                "classes": tuple(values["classes"]),
                "scored": tuple(values["scored"]),
                "absent": tuple(values["absent"]),
                "confusion": tuple(tuple(row) for row in values["confusion"]),
                "per_class": tuple(ClassScores(**row) for row in values["per_class"]),
                "reliability": tuple(ReliabilityBin(**row) for row in values["reliability"]),
            }
        )


def score(
    labels: Integers,
    probabilities: Floats,
    classes: Sequence[str],
    *,
    classes_scored: Sequence[str] | None = None,
    bins: int = 15,
) -> Scores:
    """Score probabilities against labels.

    Args:
        labels: (n,) class positions, all known.
        probabilities: (n, C), rows sum to one.
        classes: (C,) names in the order of the columns.
        classes_scored: Only faces of these classes count; None means all.
        bins: Bins of the calibration error.

    Raises:
        UserError: If `classes_scored` names a class the model does not have, or no face remains.
    """
    labels, probabilities = _checked(labels, probabilities, classes)
    scored = tuple(classes) if classes_scored is None else tuple(classes_scored)
    for name in scored:
        if name not in classes:
            raise UserError(
                f"The model has no class '{name}'{nearest(name, classes)}. It has: {', '.join(classes)}."
            )
    wanted = np.isin(labels, [classes.index(name) for name in scored])
    left_out = int((~wanted).sum())
    labels, probabilities = labels[wanted], probabilities[wanted]
    if len(labels) == 0:
        raise UserError(f"There is no face of any of these classes to score: {', '.join(scored)}.")
    matrix = confusion_matrix(labels, probabilities.argmax(1), len(classes))
    reliability = reliability_table(labels, probabilities, bins=bins)
    return Scores(
        classes=tuple(classes),
        scored=scored,
        absent=tuple(name for name in scored if matrix[classes.index(name)].sum() == 0),
        faces=len(labels),
        left_out=left_out,
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        accuracy=float(accuracy(matrix)),
        macro_recall=float(macro(recalls(matrix))),
        macro_f1=float(macro(f1_scores(matrix))),
        ece=calibration_error(reliability),
        ece_adaptive=calibration_error(reliability_table(labels, probabilities, bins=bins, adaptive=True)),
        nll=negative_log_likelihood(labels, probabilities),
        brier=brier_score(labels, probabilities),
        per_class=_class_table(matrix, classes),
        reliability=reliability,
    )


def _class_table(matrix: NDArray[np.int64], classes: Sequence[str]) -> tuple[ClassScores, ...]:
    def plain(value: float) -> float | None:
        return None if np.isnan(value) else float(value)

    faces, answered = matrix.sum(1), matrix.sum(0)
    columns = zip(classes, precisions(matrix), recalls(matrix), f1_scores(matrix), strict=True)
    return tuple(
        ClassScores(name, int(faces[i]), int(answered[i]), plain(precision), plain(recall), plain(f1))
        for i, (name, precision, recall, f1) in enumerate(columns)
    )


def _checked(labels: Integers, probabilities: Floats, classes: Sequence[str]) -> tuple[Integers, Floats]:
    labels, probabilities = np.asarray(labels), np.asarray(probabilities)
    if probabilities.shape != (len(labels), len(classes)):
        raise ValueError(f"probabilities must be ({len(labels)}, {len(classes)}), got {probabilities.shape}")
    if len(labels) and (labels.min() < 0 or labels.max() >= len(classes)):
        raise ValueError("every label must be a class position; leave out faces without a label first")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities must be finite")
    return labels, probabilities
