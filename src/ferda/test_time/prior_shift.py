"""Prior shift: answers corrected for the shares of the classes, when all faces were seen.

A model that learned from as many angry as happy faces keeps expecting that, in a place where people smile.
The shares are found from the answers alone, by expectation maximisation (`ferda.test_time.label_shift`), and
every answer is corrected:

    p(y | x)  ~  p_model(y | x)^(1/T) t_y / s_y,

with t the shares found, and the temperature T and the prior s that the model's answers really assume both
measured on held-out faces of the sources (`ferda.test_time.calibrating`). Saerens et al., "Adjusting the
outputs of a classifier to new a priori probabilities", Neural Computation 2002. The paper bounds nothing
and checks nothing; here each ratio is bounded, and shares that fail a check leave the answers as they were,
with a remark why.

Trap: what becomes right is the number of right answers in all. Macro recall counts a rare class as much as a
frequent one, so expect accuracy to rise, and macro recall to fall where classes are rare. Whoever wants macro
recall sets `shares: equal`, which looks for nothing and makes all classes count alike.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from torch import Tensor

from ferda.batch import Labelled, Output
from ferda.errors import UserError
from ferda.test_time.base import Adaptation, AdaptationConfig, SourceKnowledge
from ferda.test_time.calibrating import Calibration, calibrate
from ferda.test_time.label_shift import Estimate, corrected, estimate, moments


class PriorShiftConfig(AdaptationConfig):
    """Settings.

    Attributes:
        shares: Shares of the classes in the target, in the model's order, where somebody knows them; `equal`
            makes all classes count alike, as macro recall does. None looks for them.
        prior: Shares of the classes that the model's answers assume, in its order, taken as they are and with
            temperature 1; None measures both on the sources.
        bound: k; a class can become so many times as frequent as in training, or as rare.
        sureness: Standard errors by which the likelihood of faces held back must rise.
        seed: Deals the faces to halves.
    """

    shares: tuple[float, ...] | Literal["equal"] | None = None
    prior: tuple[float, ...] | None = None
    bound: float = Field(default=10.0, ge=1)
    sureness: float = Field(default=2.0, ge=0)
    seed: int = Field(default=0, ge=0)

    @field_validator("shares", "prior")
    @classmethod
    def _sum_to_one(cls, value: Any) -> Any:
        if isinstance(value, tuple) and (not value or min(value) <= 0 or abs(sum(value) - 1) > 1e-3):
            raise ValueError("shares must be above 0 and sum to one")
        return value


class PriorShift(Adaptation):
    """Answers as the method does, and corrects all at the end.

    After `finish`, `shares` are those of the classes that were found, (C,), believed or not.
    """

    Config = PriorShiftConfig
    uses_source = True
    ends = True

    def prepare(self, source: SourceKnowledge | None) -> None:
        """Measure temperature and prior of the model's answers.

        Args:
            source: Must be there, unless the settings have a prior.

        Raises:
            UserError: If no prior is known, or it has other classes.
        """
        self._by_class: NDArray[np.float64] | None = None
        self._names = [f"class {number}" for number in range(self.method.classes)]
        if source is not None:
            self._names = list(source.classes)
        if self.config.prior is not None:
            prior = np.array(self.config.prior)
            self.calibration = Calibration(1.0, prior / prior.sum())
        elif source is None:
            raise UserError(
                "prior_shift must know what the model was trained on; give it a run whose sources are there, "
                "or say in Python which shares of the classes its answers assume: "
                "ferda.adapt('prior_shift', start, prior=(0.2, ...))."
            )
        else:
            self._measure(source)
        for shares in (self.config.prior, self.config.shares):
            if isinstance(shares, tuple) and len(shares) != self.method.classes:
                raise UserError(
                    f"prior_shift was given {len(shares)} shares for the {self.method.classes} classes of "
                    "the model; give one for each, in their order."
                )

    def reset(self) -> None:
        """Forget what was found."""
        super().reset()
        self.shares: NDArray[np.float64] | None = None

    def adapt(self, images: Tensor, landmarks: Tensor | None) -> Output:
        """Answer as the method does.

        Args:
            images: (B, 3, H, W).
            landmarks: (B, 5, 2), or None.
        """
        return self.method(images, landmarks)

    def finish(self, probabilities: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return all answers corrected, or as they were.

        Args:
            probabilities: (n, C).
        """
        prior = self.calibration.prior
        rows = self.calibration.applied(probabilities)
        found = self._shares(rows)
        origin = "found here" if self.config.shares is None else "given"
        self.shares = found.shares
        if found.refused is not None:
            self.remarks.append(f"the answers were left as they were: {found.refused}")
            return probabilities
        parts = (
            f"{name} {100 * share:.1f} % ({100 * former:.1f} %)"
            for name, share, former in zip(self._names, found.shares, prior, strict=True)
        )
        self.remarks.append(
            f"answers corrected to the shares of the classes {origin}, those of training in brackets: "
            f"{', '.join(parts)}; temperature {self.calibration.temperature:.2f}"
        )
        return corrected(rows, prior, found.shares).astype(probabilities.dtype)

    def _shares(self, rows: NDArray[np.float64]) -> Estimate:
        if self.config.shares is not None:
            equal = np.full(self.method.classes, 1 / self.method.classes)
            return Estimate(equal if self.config.shares == "equal" else np.array(self.config.shares))
        return estimate(
            rows,
            self.calibration.prior,
            bound=self.config.bound,
            sureness=self.config.sureness,
            by_class=self._by_class,
            seed=self.config.seed,
        )

    def _measure(self, source: SourceKnowledge) -> None:
        answers, labels = [np.zeros((0, self.method.classes))], [np.zeros((0, self.method.classes))]
        for batch in source.held_out():
            with torch.no_grad():
                said = self.method(batch.images, batch.landmarks).probabilities
            answers.append(said.cpu().double().numpy())
            labels.append(_label_rows(batch, self.method.classes))
        rows, truth = np.concatenate(answers), np.concatenate(labels)
        self.calibration = calibrate(rows, truth, source.shares)
        # one more row of each class, answered rightly, so that a class without rows has a mean
        more = truth.T @ moments(self.calibration.applied(rows)) + moments(np.eye(len(truth.T)))
        self._by_class = more / (truth.sum(0)[:, None] + 1)


def _label_rows(batch: Labelled, classes: int) -> NDArray[np.float64]:
    """(B, C), a row for each label."""
    if batch.labels.ndim == 2:
        return batch.labels.cpu().double().numpy()
    return np.eye(classes)[batch.labels.cpu().numpy()]
