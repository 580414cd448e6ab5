"""From a picture to named expressions: find the faces, cut them out as in training, ask the model.

A model is only as good as its pictures look like those it learned from. So the crop, the size and the
normalisation are not options here: they come with the weights. What can be chosen is whether faces are looked
for, and what happens to a picture in which there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ferda.batch import Output
from ferda.data.normalise import Channels, Normalise
from ferda.data.views import Views
from ferda.engine.checkpoint import LoadedMethod
from ferda.engine.formats import Format, answering_in
from ferda.errors import UserError
from ferda.expressions import class_list
from ferda.faces.crops import CropRule, crop_face
from ferda.faces.detect import Face, FaceDetector
from ferda.inference.asking import Asking
from ferda.inference.face import PredictedFace
from ferda.methods.base import Method
from ferda.test_time.calibrating import tempered


class Predictor(Asking):
    """A trained method with everything that its weights need to be used rightly.

    Args:
        method: The network; is put into evaluation mode.
        classes: Names in the order of its logits.
        crop: How faces were cut out for training.
        size: Side of the network's input; None for the crop's own.
        mean: Subtracted from pixels in [0, 1], in the order of `channels`.
        std: Divisor after that, likewise.
        channels: Order of colours that the network wants.
        temperature: Of the answers: above 1 they are less sure than the network says, below 1 surer.
        least: Confidence below which a face's expression is called `unsure`.
        device: Where method and detector compute.
        detect: Whether faces are looked for. None does as in training: a model that learned from whole
            pictures judges whole pictures. True makes it judge the faces of a scene (their boxes), False
            takes every picture for one face.
        fallback: A picture without a face gives no face (`none`), or is judged as a whole (`whole`).
        batch: Faces in one pass.
        precision: Format that the network computes in: `fp32`, which is exact; `bf16`, `fp16`, or `auto` for
            what the device is fastest in. The detector and the probabilities are float32 always.
        detector: What finds faces; None makes a `FaceDetector` when it is first needed.

    Raises:
        UserError: If classes or options make no sense.
    """

    def __init__(
        self,
        method: Method,
        classes: Sequence[str],
        crop: CropRule,
        *,
        size: int | None = None,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (1.0, 1.0, 1.0),
        channels: Channels = "rgb",
        temperature: float = 1.0,
        least: float = 0.0,
        device: str | torch.device = "cpu",
        detect: bool | None = None,
        fallback: Literal["none", "whole"] = "none",
        batch: int = 64,
        precision: Format | Literal["auto"] = "fp32",
        detector: Callable[[Sequence[np.ndarray]], list[list[Face]]] | None = None,
    ) -> None:
        if fallback not in ("none", "whole"):
            raise UserError(
                f"The fallback for a picture without a face is 'none' or 'whole', not '{fallback}'."
            )
        if not 0 <= least <= 1:
            raise UserError(f"The least confidence is between 0 and 1, got {least}.")
        if batch < 1:
            raise UserError(f"A batch has at least one face, got {batch}.")
        self.device = torch.device(device)
        self.method = method.to(self.device).eval()
        self.classes = class_list(classes)
        self.temperature = temperature
        self.least = least
        self.fallback = fallback
        self.batch = batch
        self._format = answering_in(precision, self.device)
        self.crop = replace(crop, kind="box") if detect and crop.kind == "whole" else crop
        #: Whether faces are cut out of scenes although the model learned from whole pictures.
        self.is_crop_new = self.crop.kind != crop.kind
        self._seeks = crop.kind != "whole" if detect is None else detect
        self._seeks_points = not self._seeks and detect is None and crop.detect and method.needs.landmarks
        self._detector = detector
        #: What `ferda.load` read it from; None if it was made by hand.
        self.loaded: LoadedMethod | None = None
        self._view = Views("none", size or crop.size)
        self._normalise = Normalise(mean, std, channels)

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

    @torch.inference_mode()
    def answer(self, crops: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the model says of faces that were cut out by its own rule.

        Args:
            crops: (B, S, S, 3) uint8 RGB.
            landmarks: (B, 5, 2) pixels of the crops, NaN where unknown.

        Returns:
            Probabilities (B, C); and valence and arousal (B, 2), None if the model does not say.
        """
        said, affect = joined(map(self._said, self.shown(crops, landmarks, self.batch)), len(self.classes))
        return tempered(said, self.temperature).astype(np.float32), affect

    def _said(self, batch: tuple[Tensor, Tensor]) -> Output:
        with self._format:
            output: Output = self.method(*batch)
        return output

    def shown(self, crops: np.ndarray, landmarks: np.ndarray, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield faces as the method sees them: (B, 3, H, W) normalised, and their landmarks in its pixels.

        Args:
            crops: (n, S, S, 3) uint8 RGB.
            landmarks: (n, 5, 2) pixels of the crops, NaN where unknown.
            batch: Faces at a time.
        """
        for start in range(0, len(crops), batch):
            images = torch.from_numpy(crops[start : start + batch]).to(self.device)
            points = torch.from_numpy(landmarks[start : start + batch].astype(np.float32)).to(self.device)
            pictures, moved = self._view.apply(images, points, torch.zeros(len(images), self._view.columns))
            assert moved is not None
            yield self._normalise(pictures), moved

    def _faces(self, images: Sequence[np.ndarray]) -> list[list[Face | None]]:
        """What is to be judged in each picture; None is the whole of it."""
        if not self._seeks and not self._seeks_points:
            return [[None] for _ in images]
        if self._detector is None:
            self._detector = FaceDetector(str(self.device))
        faces: list[list[Face | None]] = [list(found) for found in self._detector(images)]
        if self._seeks_points:
            return [found[:1] or [None] for found in faces]
        return [found or [None] for found in faces] if self.fallback == "whole" else faces


def joined(outputs: Iterable[Output], classes: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Return what a model said batch by batch as whole arrays.

    Args:
        outputs: Of any number of batches.
        classes: Number of classes `C`.

    Returns:
        Probabilities (n, C); and valence and arousal (n, 2), None if the model does not say.
    """
    probabilities, affect = [np.zeros((0, classes), np.float32)], []
    for output in outputs:
        probabilities.append(output.probabilities.cpu().numpy())
        if "affect" in output.views:
            affect.append(output.views["affect"].float().cpu().numpy())
    return np.concatenate(probabilities), np.concatenate(affect) if affect else None
