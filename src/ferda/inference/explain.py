"""Why a model says what it says of a face: its answer, those of its heads, and the places they come from.

Faces are found, cut out and shown to the method as by the predictor, so what is explained is what
`ferda predict` answers. Everything is laid on the crop, the picture that the method saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn.functional import interpolate

from ferda.errors import UserError
from ferda.expressions import expression_name
from ferda.faces.detect import Face
from ferda.inference.face import PredictedFace
from ferda.inference.gradcam import Evidence, Explained, explain_batch
from ferda.inference.inputs import gathered, picture_files, readable
from ferda.inference.predictor import Predictor

#: Gradients need the maps of the whole network, so fewer faces pass together than in prediction.
_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Answer:
    """What the method, or one of its heads, says of a face, and where it found that.

    Attributes:
        name: Of the head; empty for the decision of all.
        probabilities: Class name -> probability; they sum to one.
        about: The class whose evidence is shown.
        places: (S, S) float32 from 0 to 1 on the crop: what speaks for that class.
    """

    name: str
    probabilities: dict[str, float]
    about: str
    places: np.ndarray = field(repr=False)

    @property
    def expression(self) -> str:
        """The most probable class."""
        return max(self.probabilities, key=lambda name: self.probabilities[name])

    @property
    def confidence(self) -> float:
        """Its probability."""
        return self.probabilities[self.expression]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the picture."""
        return {
            "expression": self.expression,
            "confidence": self.confidence,
            "about": self.about,
            "probabilities": self.probabilities,
        }

    @property
    def is_dark(self) -> bool:
        """Whether no place speaks for the class more than others."""
        return not self.places.any()


@dataclass(frozen=True, eq=False)
class Explanation:
    """One face, what is said of it, and why.

    Attributes:
        face: As the predictor answers it.
        crop: (S, S, 3) uint8 RGB, what the method was shown.
        decision: Of the method as a whole.
        heads: Of each head or branch.
        attention: (S, S) float32 on the crop, the method's own maps of attention by name, as they are.
    """

    face: PredictedFace
    crop: np.ndarray = field(repr=False)
    decision: Answer
    heads: tuple[Answer, ...] = ()
    attention: dict[str, np.ndarray] = field(default_factory=dict, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, without the pictures."""
        face = self.face
        return {
            "input": face.input,
            "face_id": face.face_id,
            "box": face.box,
            **self.decision.to_dict(),
            "heads": {head.name: head.to_dict() for head in self.heads},
        }


def explain(
    predictor: Predictor,
    images: Sequence[np.ndarray],
    names: Sequence[str] | None = None,
    *,
    about: str | None = None,
) -> list[list[Explanation]]:
    """Explain the answers to pictures that fit into memory together, one list for each.

    Args:
        predictor: A model as `ferda.load` gives it.
        images: uint8 RGB (H, W, 3); sizes may differ.
        names: What `PredictedFace.input` says; None numbers them.
        about: Expression to look for; None takes what is answered.

    Raises:
        UserError: If the model does not know the expression, or has no map of places.

    Example:
        >>> predictor = ferda.load("runs/hall")  # doctest: +SKIP
        >>> explain(predictor, [picture])[0][0].decision.places.shape  # doctest: +SKIP
        (112, 112)
    """
    chosen = None if about is None else predictor.classes.index(known_class(about, predictor.classes))
    names = [str(number) for number in range(len(images))] if names is None else names
    found, crops, landmarks = predictor.cut(images)
    pieces = [
        explain_batch(predictor.method, pictures, points, chosen)
        for pictures, points in predictor.shown(crops, landmarks, _AT_ONCE)
    ]
    rows = ((piece, row) for piece in pieces for row in range(len(piece.decision.logits)))
    cut = iter(crops)
    return [
        [
            _explanation(*next(rows), next(cut), predictor, (name, number, face))
            for number, face in enumerate(faces)
        ]
        for name, faces in zip(names, found, strict=True)
    ]


def explain_files(
    predictor: Predictor,
    inputs: str | Path | Iterable[str | Path],
    see: Callable[[str, list[Explanation]], None],
    *,
    about: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, str]:
    """Explain the answers to files, of which not all are in memory at once.

    Args:
        predictor: A model as `ferda.load` gives it.
        inputs: Pictures, or folders whose pictures are taken.
        see: Is given the name of each readable picture and what was found in it.
        about: As in `explain`.
        progress: Is told how many pictures are done, and how many there are.

    Returns:
        Why a picture could not be read, by its name.

    Raises:
        UserError: As `explain`, or if there is no picture at all.
    """
    files, problems, done = picture_files(inputs), dict[str, str](), 0
    for names, pictures in gathered(readable(files, problems)):
        for name, found in zip(names, explain(predictor, pictures, names, about=about), strict=True):
            see(name, found)
        done += len(names)
        if progress is not None:
            progress(done + len(problems), len(files))
    return problems


def known_class(word: str, classes: Sequence[str]) -> str:
    """Return the name of a class that a user asks for.

    Args:
        word: Any common word for it.
        classes: The model's.

    Raises:
        UserError: If it is no expression, or none of the model's.
    """
    name = expression_name(word)
    if name not in classes:
        raise UserError(f"The model was not trained on {name}; its classes are {', '.join(classes)}.")
    return name


def _explanation(
    found: Explained, row: int, crop: np.ndarray, model: Predictor, about: tuple[str, int, Face | None]
) -> Explanation:
    """One row of a batch, in numbers that no longer need torch."""
    name, number, face = about
    decision = _answer("", found.decision, row, crop, model)
    shares = np.array(list(decision.probabilities.values()))
    return Explanation(
        face=PredictedFace.of(name, number, face, model.classes, shares),
        crop=crop,
        decision=decision,
        heads=tuple(_answer(name, one, row, crop, model) for name, one in found.heads.items()),
        attention={name: _on_crop(places[row], crop) for name, places in found.attention.items()},
    )


def _answer(name: str, found: Evidence, row: int, crop: np.ndarray, model: Predictor) -> Answer:
    shares = (found.logits[row] / model.temperature).softmax(0).tolist()
    places = _on_crop(found.places[row], crop)
    about = model.classes[int(found.chosen[row])]
    return Answer(name, dict(zip(model.classes, shares, strict=True)), about, places)


def _on_crop(places: Tensor, crop: np.ndarray) -> np.ndarray:
    """Lay a grid of (h, w) values on the crop, smoothly but without going beyond the values."""
    spread = interpolate(places[None, None], crop.shape[:2], mode="bicubic", align_corners=False)
    return np.asarray(spread[0, 0].clamp(places.min(), places.max()).cpu().numpy(), np.float32)
