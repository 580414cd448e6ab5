"""How near are valence and arousal to what people said? Pure functions on arrays.

Three numbers for each of the two, over the faces of which people said it:

* the root mean squared error, in the units of the scale from -1 to 1;
* Lin's concordance correlation, 1 where answers equal the labels, 0 where they do not go along with them: a
  model that always says the mean has a small error and a concordance of 0;
* the share of faces for which both have the same sign, which asks only whether a face is pleased or excited
  at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ferda.data.affect import AFFECT

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class AffectScores:
    """One dimension of affect.

    Attributes:
        name: `valence` or `arousal`.
        faces: Faces of which people said it.
        rmse: Root mean squared error.
        ccc: Concordance correlation; None where neither answers nor labels vary.
        sign_agreement: Share of faces with the sign of the label.
    """

    name: str
    faces: int
    rmse: float
    ccc: float | None
    sign_agreement: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return asdict(self)


def score_affect(labels: Floats, answers: Floats) -> tuple[AffectScores, ...]:
    """Score answers against labels, one entry for each dimension that is known of any face.

    Args:
        labels: (n, 2) valence and arousal, NaN where unknown.
        answers: (n, 2).
    """
    labels, answers = np.asarray(labels, np.float64), np.asarray(answers, np.float64)
    if labels.shape != answers.shape or labels.shape[1:] != (len(AFFECT),):
        raise ValueError(f"labels and answers must both be (n, 2), got {labels.shape} and {answers.shape}")
    known = np.isfinite(labels)
    return tuple(
        _scores(name, labels[known[:, place], place], answers[known[:, place], place])
        for place, name in enumerate(AFFECT)
        if known[:, place].any()
    )


def _scores(name: str, labels: Floats, answers: Floats) -> AffectScores:
    apart = labels - answers
    spread = labels.var() + answers.var() + apart.mean() ** 2
    together = float(((labels - labels.mean()) * (answers - answers.mean())).mean())
    return AffectScores(
        name=name,
        faces=len(labels),
        rmse=float(np.sqrt((apart**2).mean())),
        ccc=float(2 * together / spread) if spread > 0 else None,
        sign_agreement=float((np.sign(labels) == np.sign(answers)).mean()),
    )
