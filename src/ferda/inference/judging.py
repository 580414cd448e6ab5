"""Find the faces, cut them out as in training, ask the model: the same whatever the model runs on.

A model is only as good as its pictures look like those it learned from. So the crop, the size and the
normalisation are not options here: they come with the weights. What can be chosen is whether faces are looked
for, and what happens to a picture in which there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import repeat
from typing import TYPE_CHECKING, Literal

import numpy as np

from ferda.errors import UserError
from ferda.expressions import class_list
from ferda.faces.crops import CropRule, crop_face
from ferda.inference.asking import Asking
from ferda.inference.face import PredictedFace

if TYPE_CHECKING:
    from ferda.engine.checkpoint import LoadedMethod
    from ferda.faces.detect import Face

#: Finds the faces of each picture, the most prominent first.
Detector = Callable[[Sequence[np.ndarray]], "list[list[Face]]"]


class Judging(Asking):
    """All of a predictor but its network.

    Args:
        classes: Names in the order of the network's logits.
        crop: How faces were cut out for training.
        needs_landmarks: Whether the network looks at them.
        temperature: Of the answers: above 1 they are less sure than the network says, below 1 surer.
        least: Confidence below which a face's expression is called `unsure`.
        detect: Whether faces are looked for; None does as in training.
        fallback: A picture without a face gives no face (`none`), or is judged as a whole (`whole`).
        batch: Faces in one pass.
        min_face: Side in pixels of the smallest face looked for; None lets the detector choose. The larger,
            the faster.
        detector: What finds faces; None makes one when it is first needed.

    Raises:
        UserError: If classes or options make no sense.
    """

    def __init__(
        self,
        classes: Sequence[str],
        crop: CropRule,
        *,
        needs_landmarks: bool,
        temperature: float,
        least: float,
        detect: bool | None,
        fallback: Literal["none", "whole"],
        batch: int,
        min_face: float | None,
        detector: Detector | None,
    ) -> None:
        if fallback not in ("none", "whole"):
            raise UserError(
                f"The fallback for a picture without a face is 'none' or 'whole', not '{fallback}'."
            )
        if not 0 <= least <= 1:
            raise UserError(f"The least confidence is between 0 and 1, got {least}.")
        if batch < 1:
            raise UserError(f"A batch has at least one face, got {batch}.")
        if min_face is not None and min_face < 12:
            raise UserError(f"The smallest face that can be found has 12 pixels, got {min_face}.")
        self.classes = class_list(classes)
        self.temperature = temperature
        self.least = least
        self.fallback = fallback
        self.batch = batch
        self.min_face = min_face
        self.crop = replace(crop, kind="box") if detect and crop.kind == "whole" else crop
        #: Whether faces are cut out of scenes although the model learned from whole pictures.
        self.is_crop_new = self.crop.kind != crop.kind
        self._seeks = crop.kind != "whole" if detect is None else detect
        self._seeks_points = not self._seeks and detect is None and crop.detect and needs_landmarks
        self._detector = detector
        #: What `ferda.load` read it from; None if that was no run or weights file.
        self.loaded: LoadedMethod | None = None

    def predict(
        self, images: Sequence[np.ndarray], names: Sequence[str] | None = None
    ) -> list[list[PredictedFace]]:
        """Name the expressions in pictures that fit into memory together, one list for each.

        Args:
            images: uint8 RGB (H, W, 3); sizes may differ.
            names: What `PredictedFace.input` says; None numbers them.
        """
        names = [str(number) for number in range(len(images))] if names is None else names
        faces, crops, landmarks = self.cut(images)
        probabilities, affect = self.answer(crops, landmarks)
        rows = zip(probabilities, repeat(None) if affect is None else affect, strict=False)
        return [
            [
                PredictedFace.of(name, number, face, self.classes, *next(rows), self.least)
                for number, face in enumerate(found)
            ]
            for name, found in zip(names, faces, strict=True)
        ]

    def cut(self, images: Sequence[np.ndarray]) -> tuple[list[list[Face | None]], np.ndarray, np.ndarray]:
        """Find what is to be judged in pictures, and cut it out by the model's own rule.

        Args:
            images: uint8 RGB (H, W, 3); sizes may differ.

        Returns:
            The faces of each picture, None being the whole of it; and of all of them in a row the crops
            (n, S, S, 3) uint8 and their landmarks (n, 5, 2), NaN where unknown.
        """
        faces = self._faces(images)
        rule = self.crop if self._seeks else replace(self.crop, kind="whole")
        cut = [
            crop_face(image, face, rule) for image, found in zip(images, faces, strict=True) for face in found
        ]
        if not cut:
            return faces, np.zeros((0, rule.size, rule.size, 3), np.uint8), np.zeros((0, 5, 2), np.float32)
        return faces, np.stack([crop for crop, _ in cut]), np.stack([points for _, points in cut])

    def answer(self, crops: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the model says of faces that were cut out by its own rule.

        Args:
            crops: (B, S, S, 3) uint8 RGB.
            landmarks: (B, 5, 2) pixels of the crops, NaN where unknown.

        Returns:
            Probabilities (B, C); and valence and arousal (B, 2), None if the model does not say.
        """
        raise NotImplementedError

    def _make_detector(self) -> Detector:
        raise NotImplementedError

    def _faces(self, images: Sequence[np.ndarray]) -> list[list[Face | None]]:
        """What is to be judged in each picture; None is the whole of it."""
        if not self._seeks and not self._seeks_points:
            return [[None] for _ in images]
        if self._detector is None:
            self._detector = self._make_detector()
        faces: list[list[Face | None]] = [list(found) for found in self._detector(images)]
        if self._seeks_points:
            return [found[:1] or [None] for found in faces]
        return [found or [None] for found in faces] if self.fallback == "whole" else faces
