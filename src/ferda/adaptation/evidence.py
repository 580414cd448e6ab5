"""What a model says of faces, shown plainly and in a few other views: all that a judgement may look at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ferda.adaptation.target import TargetFaces
from ferda.data.normalise import Normalise
from ferda.data.view_options import STILL, WeakView
from ferda.data.views import Views
from ferda.engine.checkpoint import Preprocessing
from ferda.methods.base import Method
from ferda.test_time.calibrating import tempered

_BATCH = 128
#: The picture as it is, its mirror image, and two that are turned, moved and lit otherwise.
_VIEWS = (STILL, STILL.model_copy(update={"mirror": 1.0}), WeakView(mirror=0), WeakView(mirror=1))


@dataclass(frozen=True)
class Evidence:
    """A model's answers for faces.

    Attributes:
        views: (V, n, C) probabilities, rows sum to one; the first view is the picture as it is.
    """

    views: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """(n, C) for the pictures as they are."""
        return np.asarray(self.views[0])

    @property
    def answers(self) -> np.ndarray:
        """(n,) the most probable class of the pictures as they are."""
        return np.asarray(self.views[0].argmax(1))

    @property
    def confidence(self) -> np.ndarray:
        """(n,) probability of the answer."""
        return np.asarray(self.views[0].max(1))

    @property
    def steadiness(self) -> float:
        """How far a face's views are answered alike beyond chance (Cohen's kappa): 1 always, 0 as by lot.

        A model that always says the same is at 0.
        """
        others = self.views[1:].argmax(2)
        agreed = float((others == self.answers).mean())
        shares = np.bincount(others.ravel(), minlength=self.views.shape[2]) / others.size
        chance = float(self.shares() @ shares)
        return 0.0 if chance == 1 else (agreed - chance) / (1 - chance)

    def shares(self) -> np.ndarray:
        """Return (C,) shares of the answers."""
        return np.bincount(self.answers, minlength=self.views.shape[2]) / len(self.answers)


@torch.inference_mode()
def gather_evidence(
    method: Method, faces: TargetFaces, shown: Preprocessing, temperature: float = 1.0
) -> Evidence:
    """Ask a model about the faces that were held back.

    Args:
        method: Is left in evaluation mode.
        faces: Of the target.
        shown: How pictures are shown to the model.
        temperature: Of its calibration.
    """
    method.eval()
    views = []
    for number, options in enumerate(_VIEWS):
        said = [method(*batch).probabilities.numpy() for batch in _shown(faces, shown, options, number)]
        views.append(tempered(np.concatenate(said), temperature))
    return Evidence(np.stack(views))


def _shown(
    faces: TargetFaces, shown: Preprocessing, options: WeakView, seed: int
) -> Iterator[tuple[Tensor, Tensor | None]]:
    view = Views(options, shown.size)
    normalise = Normalise(shown.mean, shown.std, shown.channels)
    rows, landmarks = faces.held, faces.domain.landmarks
    is_known = bool(np.isfinite(landmarks).any())
    # both models must be shown the very same
    draws = view.draw(len(rows), torch.Generator().manual_seed(seed))
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        points = torch.from_numpy(landmarks[part]) if is_known else None
        images, moved = view.apply(
            torch.from_numpy(faces.domain.gather(part)), points, draws[start : start + _BATCH]
        )
        yield normalise(images), moved
