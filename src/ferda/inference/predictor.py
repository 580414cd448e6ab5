"""A predictor whose network torch computes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ferda.batch import Output
from ferda.data.normalise import Channels, Normalise
from ferda.data.views import Views
from ferda.engine.formats import Format, answering_in
from ferda.faces.crops import CropRule
from ferda.faces.detect import FaceDetector
from ferda.inference.judging import Detector, Judging
from ferda.methods.base import Method
from ferda.test_time.calibrating import tempered


class Predictor(Judging):
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
        min_face: Side in pixels of the smallest face looked for; None lets the detector choose. The larger,
            the faster.
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
        min_face: float | None = None,
        precision: Format | Literal["auto"] = "fp32",
        detector: Detector | None = None,
    ) -> None:
        super().__init__(
            classes,
            crop,
            needs_landmarks=method.needs.landmarks,
            temperature=temperature,
            least=least,
            detect=detect,
            fallback=fallback,
            batch=batch,
            min_face=min_face,
            detector=detector,
        )
        self.device = torch.device(device)
        self.method = method.to(self.device).eval()
        self._format = answering_in(precision, self.device)
        self._view = Views("none", size or crop.size)
        self._normalise = Normalise(mean, std, channels)

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

    def _make_detector(self) -> Detector:
        return FaceDetector(str(self.device), min_face=self.min_face)


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
