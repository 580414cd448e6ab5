"""One face and what a model thinks of it: what every use of a model hands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ferda.faces.detect import Face

#: Instead of an expression, where the most probable one is not probable enough.
UNSURE = "unsure"


@dataclass(frozen=True, eq=False)
class PredictedFace:
    """One face and what the model thinks of it.

    Attributes:
        input: The picture's path, or its number among the pictures given.
        face_id: Number of the face within the picture, the most prominent is 0; in a video, of the person.
        box: Left, top, width, height in pixels of the picture; None if the whole picture was judged.
        landmarks: (5, 2) float32 pixels of the picture, order of `ferda.landmarks`; None if unknown.
        detection_score: Probability that this is a face; None if none was looked for.
        expression: The most probable class, or `UNSURE` if it is less probable than was asked for.
        confidence: Its probability.
        probabilities: Class name -> probability; they sum to one.
        valence: Displeased (-1) to pleased (1); None if the model does not say.
        arousal: Calm (-1) to excited (1); None likewise.
    """

    input: str
    face_id: int
    box: tuple[float, float, float, float] | None
    landmarks: np.ndarray | None = field(repr=False)
    detection_score: float | None
    expression: str
    confidence: float
    probabilities: dict[str, float] = field(repr=False)
    valence: float | None = None
    arousal: float | None = None

    @classmethod
    def of(
        cls,
        name: str,
        number: int,
        face: Face | None,
        classes: Sequence[str],
        probabilities: np.ndarray,
        affect: np.ndarray | None = None,
        least: float = 0.0,
    ) -> PredictedFace:
        """Put together what was found and what was answered.

        Args:
            name: The picture's.
            number: Of the face within the picture.
            face: As the detector found it; None is the whole picture.
            classes: Names of the probabilities.
            probabilities: (C,), they sum to one.
            affect: (2,) valence and arousal; None if the model does not say.
            least: Confidence below which no expression is named.
        """
        expression, confidence = most_probable(classes, probabilities, least)
        return cls(
            input=name,
            face_id=number,
            box=None if face is None else face.box,
            landmarks=None if face is None else face.landmarks,
            detection_score=None if face is None else face.score,
            expression=expression,
            confidence=confidence,
            probabilities=dict(zip(classes, probabilities.tolist(), strict=True)),
            valence=None if affect is None else float(affect[0]),
            arousal=None if affect is None else float(affect[1]),
        )


def most_probable(classes: Sequence[str], probabilities: np.ndarray, least: float) -> tuple[str, float]:
    """Return the most probable class, or `UNSURE`, and its probability.

    Args:
        classes: Names of the probabilities.
        probabilities: (C,), they sum to one.
        least: Confidence below which no expression is named.
    """
    best = int(probabilities.argmax())
    confidence = float(probabilities[best])
    return (classes[best] if confidence >= least else UNSURE), confidence
