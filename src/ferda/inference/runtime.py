"""A predictor whose network onnxruntime computes: all that a machine needs that only answers.

Nothing here imports torch. The file that `ferda export` wrote holds the network, the class names, the
preprocessing and the three networks of the face detector; finding, cutting and naming faces is the code that
the other predictor runs.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ferda.errors import UserError
from ferda.faces.cascade import Network, in_pieces
from ferda.faces.crops import CropRule
from ferda.faces.detect import FaceDetector
from ferda.inference.judging import Detector, Judging
from ferda.inference.sessions import open_session
from ferda.inference.shown import shown_faces, shown_points

#: Keys of the file's metadata: what the model is, and the networks of the detector.
ABOUT, DETECTOR = "ferda", ("ferda.pnet", "ferda.rnet", "ferda.onet")
#: Numbers that a network of the detector is given at a time, measured to be the quickest.
_AT_ONCE = 2**16


class OnnxPredictor(Judging):
    """A trained method as `ferda export` wrote it.

    Args:
        session: Of onnxruntime, that takes `images` and perhaps `landmarks`.
        about: What the file says of itself: `classes`, `preprocessing`, `temperature`.
        networks: P-Net, R-Net and O-Net.
        detect: Whether faces are looked for; None does as in training.
        fallback: A picture without a face gives no face (`none`), or is judged as a whole (`whole`).
        least: Confidence below which a face's expression is called `unsure`.
        batch: Faces in one pass.
        min_face: Side in pixels of the smallest face looked for; None lets the detector choose.
        detector: What finds faces; None asks `networks`.

    Raises:
        UserError: If options make no sense.
    """

    def __init__(
        self,
        session: Any,
        about: dict[str, Any],
        networks: tuple[Network, Network, Network],
        *,
        detect: bool | None = None,
        fallback: Literal["none", "whole"] = "none",
        least: float = 0.0,
        batch: int = 64,
        min_face: float | None = None,
        detector: Detector | None = None,
    ) -> None:
        self._session = session
        self._inputs = [given.name for given in session.get_inputs()]
        self._networks = networks
        self._shown = about["preprocessing"]
        super().__init__(
            about["classes"],
            CropRule.from_dict(self._shown["crop"]),
            needs_landmarks="landmarks" in self._inputs,
            temperature=about["temperature"],
            least=least,
            detect=detect,
            fallback=fallback,
            batch=batch,
            min_face=min_face,
            detector=detector,
        )
        #: What the file says of itself.
        self.about = about

    def answer(self, crops: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        """Return what the model says of faces that were cut out by its own rule.

        Args:
            crops: (B, S, S, 3) uint8 RGB.
            landmarks: (B, 5, 2) pixels of the crops, NaN where unknown.

        Returns:
            Probabilities (B, C); and valence and arousal (B, 2), None if the model does not say.
        """
        said = [
            self._session.run(
                None, self.given(crops[start : start + self.batch], landmarks[start : start + self.batch])
            )
            for start in range(0, len(crops), self.batch)
        ]
        if not said:
            return np.zeros((0, len(self.classes)), np.float32), None
        logits, *affect = (np.concatenate(parts) for parts in zip(*said, strict=True))
        return softmax(logits / np.float32(self.temperature)), affect[0] if affect else None

    def given(self, crops: np.ndarray, landmarks: np.ndarray) -> dict[str, np.ndarray]:
        """Return faces as the network takes them, by the names of its inputs.

        Args:
            crops: (B, S, S, 3) uint8 RGB.
            landmarks: (B, 5, 2) pixels of the crops, NaN where unknown.
        """
        size = self._shown["size"]
        faces = shown_faces(crops, size, *(self._shown[name] for name in ("mean", "std", "channels")))
        points = shown_points(landmarks, crops.shape[1], size)
        return {
            name: value for name, value in (("images", faces), ("landmarks", points)) if name in self._inputs
        }

    def _make_detector(self) -> Detector:
        return FaceDetector(min_face=self.min_face, networks=self._networks)


def load_onnx(path: str | Path, *, threads: int = 1, **options: Any) -> OnnxPredictor:
    """Load a model that `ferda export` wrote, ready to name expressions in pictures.

    Args:
        path: A `.onnx` file.
        threads: That each call of a network may use.
        **options: Of `OnnxPredictor`: `detect`, `fallback`, `least`, `batch`, `min_face`, `detector`.

    Raises:
        UserError: If there is no such file, onnxruntime is missing, or another program wrote it.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"There is no exported model {path}.")
    session = open_session(path, threads)
    held = session.get_modelmeta().custom_metadata_map
    about = json.loads(held.get(ABOUT, "{}"))
    if "temperature" not in about or not set(DETECTOR) <= held.keys():
        raise UserError(f"{path} was not written by this 'ferda export'; export the run again.")
    first, second, third = (_network(base64.b64decode(held[name]), threads) for name in DETECTOR)
    return OnnxPredictor(session, about, (first, second, third), **options)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities (B, C) of logits (B, C)."""
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True))


def _network(model: bytes, threads: int) -> Network:
    session = open_session(model, threads)
    return in_pieces(lambda images: tuple(session.run(None, {"images": images})), _AT_ONCE)
