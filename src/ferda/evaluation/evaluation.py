"""One model on one labelled domain: every number, every answer, and every face that was not counted."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ferda.errors import UserError
from ferda.evaluation.affect import AffectScores
from ferda.evaluation.bootstrap import Intervals
from ferda.evaluation.groups import GroupScores
from ferda.evaluation.metrics import Scores
from ferda.files import replacing


@dataclass(frozen=True)
class Evaluation:
    """What one model did on one domain.

    Attributes:
        domain: Name of the domain.
        model: What reports call the model.
        selected_by: Rule that chose the checkpoint, and its epoch, in words.
        scores: Of the labelled faces of the scored classes.
        intervals: Of these scores.
        groups: One entry per group column.
        counts: Faces by what became of them: `rows`, `scored`, `without_label`, `class_not_scored`; and of
            the whole data set `unusable` (pictures that could not be read) and `no_face`.
        notes: Remarks with the number of faces they are about: rows left out, oddities of the manifest.
        predictions: One row a face of the domain, labelled or not.
        features: (n, D) what the model saw, for maps; None after a trip through JSON.
        affect: Scores of valence and arousal; empty unless both model and manifest have them.
    """

    domain: str
    model: str
    selected_by: str
    scores: Scores
    intervals: Intervals
    groups: tuple[GroupScores, ...]
    counts: dict[str, int]
    notes: dict[str, int]
    predictions: pd.DataFrame = field(compare=False, repr=False)
    features: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    affect: tuple[AffectScores, ...] = ()

    @property
    def wrong(self) -> pd.DataFrame:
        """Scored faces with a wrong answer, the most confident first."""
        table = self.predictions[self.predictions["scored"] & ~self.predictions["correct"]]
        return table.sort_values("confidence", ascending=False, kind="stable")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the predictions go into their own table."""
        return {
            "domain": self.domain,
            "model": self.model,
            "selected_by": self.selected_by,
            "scores": self.scores.to_dict(),
            "intervals": asdict(self.intervals),
            "groups": [groups.to_dict() for groups in self.groups],
            "counts": dict(self.counts),
            "notes": dict(self.notes),
            "affect": [scores.to_dict() for scores in self.affect],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], predictions: pd.DataFrame) -> Evaluation:
        """Rebuild from `to_dict`, also after a trip through JSON.

        Args:
            values: What `to_dict` returned.
            predictions: The table of answers.
        """
        return cls(
            **{
                **values,
                "scores": Scores.from_dict(values["scores"]),
                "intervals": Intervals.from_dict(values["intervals"]),
                "groups": tuple(GroupScores.from_dict(item) for item in values["groups"]),
                "predictions": predictions,
                # files of before there was affect have none
                "affect": tuple(AffectScores(**item) for item in values.get("affect", ())),
            }
        )

    def save(self, folder: Path) -> None:
        """Write `metrics.json` and `predictions.csv`.

        Args:
            folder: Made if it does not exist.
        """
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=2, allow_nan=False)
        _write(folder / "metrics.json", text + "\n")
        _write(folder / "predictions.csv", self.predictions.to_csv(index=False))

    @classmethod
    def load(cls, folder: Path) -> Evaluation:
        """Read what `save` wrote.

        Args:
            folder: Holds `metrics.json` and `predictions.csv`.

        Raises:
            UserError: If either is missing or damaged.
        """
        try:
            values = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
            predictions = pd.read_csv(folder / "predictions.csv")
            return cls.from_dict(values, predictions)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder} holds no readable evaluation ({error}); evaluate again.") from error


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
