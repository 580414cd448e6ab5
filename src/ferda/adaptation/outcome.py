"""What an adaptation came to, before any of it is written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferda.adaptation.evidence import Evidence
from ferda.adaptation.safety import Verdict
from ferda.adaptation.target import TargetFaces
from ferda.engine.checkpoint import LoadedMethod
from ferda.selection.collapse import classes_in_use


@dataclass(frozen=True)
class Outcome:
    """Two models on the faces that adapting did not see, and which of them is kept.

    Attributes:
        model: The old one.
        faces: Of the target.
        before: Of the old model.
        after: Of the adapted one.
        verdict: On the two.
    """

    model: LoadedMethod
    faces: TargetFaces
    before: Evidence
    after: Evidence
    verdict: Verdict

    @property
    def changed(self) -> np.ndarray:
        """(k,) positions among the faces held back whose answer changed."""
        return np.flatnonzero(self.before.answers != self.after.answers)

    @property
    def agreement(self) -> float:
        """Share of the faces held back that are answered as before."""
        return 1 - len(self.changed) / len(self.before.answers)

    def numbers(self, said: Evidence) -> dict[str, float]:
        """Return what is told of one model.

        Args:
            said: Its answers.
        """
        names = (f"share_{name}" for name in self.model.classes)
        return {
            "confidence": float(said.confidence.mean()),
            "steadiness": said.steadiness,
            "classes_in_use": classes_in_use(said.probabilities),
            **dict(zip(names, said.shares().tolist(), strict=True)),
        }

    def sentences(self) -> list[str]:
        """Return what happened, for a person."""
        seen, held, changed = len(self.faces.seen), len(self.faces.held), len(self.changed)
        return [
            self.verdict.sentence,
            f"{seen:,} faces were adapted to. {held:,} others were held back for the judgement; the adapted "
            f"model answers {changed:,} of them otherwise than the old one.",
            *self.faces.remarks,
        ]
