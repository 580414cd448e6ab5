"""What a validator may look at: a model's answers after an epoch, and no label of the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class EpochOutputs:
    """Answers of one checkpoint; there is no field for target labels.

    Attributes:
        source_probabilities: (n, C) for source rows that were held out of training.
        source_labels: (n,) their classes, -1 where unknown.
        target_probabilities: (m, C) for rows of the target.
        target_features: (m, D) what these answers were made from.
        source_affect: (n, 2) their valence and arousal, NaN where unknown; None if none is known.
        source_affect_answers: (n, 2) what the model says of these; None if it does not say.
        source_features: (n, D) what the answers for the source were made from; None if there is no source.
        mixed_rows: (k, 2) positions of target rows whose pictures were mixed; None if none were.
        mixed_probabilities: (k, C) answers for these mixtures; None likewise.
    """

    source_probabilities: NDArray[np.floating]
    source_labels: NDArray[np.integer]
    target_probabilities: NDArray[np.floating]
    target_features: NDArray[np.floating]
    source_affect: NDArray[np.floating] | None = None
    source_affect_answers: NDArray[np.floating] | None = None
    source_features: NDArray[np.floating] | None = None
    mixed_rows: NDArray[np.integer] | None = None
    mixed_probabilities: NDArray[np.floating] | None = None

    def __post_init__(self) -> None:
        if any(rows.ndim != 2 for rows in (self.source_probabilities, self.target_probabilities)):
            raise ValueError("probabilities must have a row for each picture and a column for each class")
        if len(self.source_probabilities) != len(self.source_labels):
            raise ValueError("source probabilities and labels must have the same rows")
        if len(self.target_probabilities) != len(self.target_features):
            raise ValueError("target probabilities and features must have the same rows")

    @property
    def is_finite(self) -> bool:
        """Whether every answer and feature is a number."""
        rows = (self.source_probabilities, self.target_probabilities, self.target_features)
        known = (*rows, *(() if self.source_features is None else (self.source_features,)))
        return all(bool(np.isfinite(values).all()) for values in known)


def row_entropies(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the entropy of each distribution in nats; 0 log 0 is 0.

    Args:
        probabilities: (n, C), or (C,) for a single one.
    """
    rows = np.asarray(probabilities, np.float64)
    return -(rows * np.log(np.where(rows > 0, rows, 1.0))).sum(-1)
