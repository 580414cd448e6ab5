"""Thumbnails of the faces a model gets wrong, small enough to travel inside a page."""

from __future__ import annotations

import base64
import io
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ferda.evaluation.evaluation import Evaluation

if TYPE_CHECKING:
    from ferda.data.pack import Pictures


@dataclass(frozen=True)
class WrongFace:
    """One face with a wrong answer.

    Attributes:
        uri: The picture as a data URI; empty if pictures were left out.
        file: Where it came from.
        label: What it is.
        predicted: What the model said.
        confidence: How sure it was.
    """

    uri: str
    file: str
    label: str
    predicted: str
    confidence: float


@dataclass(frozen=True)
class ExplainedFace:
    """One face with the places that an answer came from.

    Attributes:
        pictures: Data URIs with the class that their coloured places speak for; the first is the plain face.
        file: Where it came from.
        label: What it is.
        predicted: What the model said.
        confidence: How sure it was.
    """

    pictures: tuple[tuple[str, str], ...]
    file: str
    label: str
    predicted: str
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the answer is the label."""
        return self.label == self.predicted


@dataclass(frozen=True)
class ChangedFace:
    """One face that two models answer differently.

    Attributes:
        uri: The picture as a data URI.
        file: Where it came from.
        before: What the first one said.
        after: What the second one said.
        confidence: How sure the second one was.
    """

    uri: str
    file: str
    before: str
    after: str
    confidence: float


@dataclass(frozen=True)
class Example:
    """One face of a data set.

    Attributes:
        uri: The picture as a data URI.
        file: Where it came from.
        label: What it is.
    """

    uri: str
    file: str
    label: str


def wrong_faces(
    evaluation: Evaluation,
    pictures: Pictures | None,
    *,
    count: int = 24,
    per_pair: int = 3,
    side: int = 96,
) -> tuple[WrongFace, ...]:
    """Pick the most confident mistakes, not more than a few of the same kind.

    Args:
        evaluation: Whose mistakes.
        pictures: The pack of the domain; None leaves the pictures out.
        count: At most this many faces.
        per_pair: At most this many for each (true, answered) pair.
        side: Pixels of a thumbnail.
    """
    seen: Counter[tuple[str, str]] = Counter()
    chosen = []
    for _, face in evaluation.wrong.iterrows():
        pair = (str(face["label"]), str(face["predicted"]))
        seen[pair] += 1
        if seen[pair] <= per_pair:
            chosen.append(face)
        if len(chosen) == count:
            break
    if not chosen:
        return ()
    uris = [""] * len(chosen)
    if pictures is not None:
        rows = np.array([int(face["row"]) for face in chosen])
        uris = [thumbnail(image, side) for image in pictures.gather(rows)]
    return tuple(
        WrongFace(
            uri, str(face["file"]), str(face["label"]), str(face["predicted"]), float(face["confidence"])
        )
        for uri, face in zip(uris, chosen, strict=True)
    )


def thumbnail(image: np.ndarray, side: int = 96) -> str:
    """Return a picture as a JPEG data URI of a few kilobytes.

    Args:
        image: (H, W, 3) uint8 RGB.
        side: Longest side in pixels; smaller pictures are not enlarged.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=80, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
