"""The contract of an adaptation: it answers for faces, and learns from the very faces it answers for.

An adaptation works on a copy of a trained method. It sees pictures and landmarks, batch by batch, and no
label of them: there is no argument that could carry one. What it may know of the data that the method was
trained on stands in `SourceKnowledge`. To add an adaptation, add one file to this folder with one subclass.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from torch import Tensor

from ferda.batch import Labelled, Output
from ferda.methods.base import Method


class AdaptationConfig(BaseModel):
    """Base of every adaptation's settings: unknown keys are errors, values cannot change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class SourceKnowledge:
    """What is known of the data that a method was trained on.

    Attributes:
        classes: Names, in the order of the logits.
        shares: (C,) of the classes among the rows that training showed, all above 0; they sum to one.
        held_out: Returns rows of the sources that were never learned from, shown as the method wants them.
    """

    classes: tuple[str, ...]
    shares: NDArray[np.float64]
    held_out: Callable[[], Iterator[Labelled]]


class Adaptation:
    """A trained method that adapts to a stream of faces.

    Args:
        method: Trained; is left as it is.
        config: Settings of the subclass's own `Config`; None takes the papers' values.
        source: What is known of the method's training; some adaptations work without.

    Attributes:
        method: A copy of the one given, in evaluation mode, which adapts.
        remarks: Sentences for the user on what was done, complete after `finish`.

    Raises:
        UserError: If the method's network, or what is known of its training, does not allow the adaptation.
    """

    Config: ClassVar[type[AdaptationConfig]] = AdaptationConfig
    #: Whether it looks at `SourceKnowledge`.
    uses_source: ClassVar[bool] = False
    #: Whether answers change once more when all faces were seen.
    ends: ClassVar[bool] = False

    def __init__(self, method: Method, config: Any = None, source: SourceKnowledge | None = None) -> None:
        self.config: Any = self.Config() if config is None else config
        self.remarks: list[str] = []
        # what is made in inference mode can never be learned
        with torch.inference_mode(False):
            self.method = copy.deepcopy(method).eval().requires_grad_(False)
            self.prepare(source)
            self.reset()

    @property
    def name(self) -> str:
        """What the command line calls it: its file."""
        return type(self).__module__.rpartition(".")[2]

    def answer(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        """Answer for the next batch of the stream, and adapt to it.

        Args:
            images: (B, 3, H, W) normalised, in float32 or float64.
            landmarks: (B, 5, 2) pixels of `images`, for methods that need them.
        """
        with torch.inference_mode(False), torch.no_grad():
            output = self.adapt(_usable(images), None if landmarks is None else _usable(landmarks))
        views = {name: rows.detach() for name, rows in output.views.items()}
        return Output(output.logits.detach(), output.features.detach(), views)

    def finish(self, probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the answers to the whole stream when its end is reached; most adaptations change none.

        Args:
            probabilities: (n, C) of all faces since `reset`, in any order.
        """
        return probabilities

    def reset(self) -> None:
        """Forget the stream: the next answer is that to a first batch."""
        self.remarks.clear()

    def prepare(self, source: SourceKnowledge | None) -> None:
        """Look at the method, and at what is known of its training, once.

        Args:
            source: None if nothing is known.
        """

    def adapt(self, images: Tensor, landmarks: Tensor | None) -> Output:
        """Do what `answer` promises; gradients are off.

        Args:
            images: (B, 3, H, W).
            landmarks: (B, 5, 2), or None.
        """
        raise NotImplementedError


def _usable(values: Tensor) -> Tensor:
    return values.clone() if values.is_inference() else values
