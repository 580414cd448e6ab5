"""Scores an epoch without target labels, and records what the model says of the target.

Each domain passes the network once; every validator reads the same arrays. The record holds row numbers and
probabilities only: it is what an evaluation, after the run and with labels in hand, computes the oracle from.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ferda.data.domain import Domain, UnlabelledDomain
from ferda.data.loader import evaluation_batches
from ferda.engine.checkpoint import Preprocessing
from ferda.errors import UserError
from ferda.files import replacing
from ferda.layers.norm_statistics import with_statistics_of
from ferda.methods.base import Method
from ferda.selection import list_validators, validator
from ferda.selection.collapse import classes_in_use
from ferda.selection.outputs import EpochOutputs


class Answers(NamedTuple):
    """What a method says of n faces.

    Attributes:
        probabilities: (n, C).
        features: (n, D).
        affect: (n, 2) valence and arousal; None if the method does not say.
    """

    probabilities: np.ndarray
    features: np.ndarray
    affect: np.ndarray | None


@torch.inference_mode()
def answers(
    method: Method,
    domain: Domain | UnlabelledDomain,
    rows: np.ndarray | None,
    preprocessing: Preprocessing,
    device: torch.device,
    batch: int = 128,
) -> Answers:
    """Return what a method says of a domain, shown without augmentation.

    Args:
        method: Is left in evaluation mode.
        domain: Whose pictures are shown.
        rows: Positions within the domain; None takes all.
        preprocessing: Size and normalisation of the pictures.
        device: Where the method is.
        batch: Pictures at a time.
    """
    method.eval()
    probabilities, features, affect = [], [], []
    for shown in evaluation_batches(domain, preprocessing, rows, batch=batch, device=device):
        output = method(shown.images, shown.landmarks)
        probabilities.append(output.probabilities.cpu().numpy())
        features.append(output.features.float().cpu().numpy())
        if "affect" in output.views:
            affect.append(output.views["affect"].float().cpu().numpy())
    return Answers(
        np.concatenate(probabilities), np.concatenate(features), np.concatenate(affect) if affect else None
    )


class Scorer:
    """Scores epochs on rows that are chosen once.

    Args:
        holdouts: Source rows that are never learned from.
        target: The target without labels; None for a method that has none.
        watch: Rows whose predictions are recorded; None records nothing.
        preprocessing: How pictures are shown.
        limit: At most so many rows of each domain are scored.
    """

    def __init__(
        self,
        holdouts: Sequence[Domain],
        target: UnlabelledDomain | None,
        watch: UnlabelledDomain | None,
        preprocessing: Preprocessing,
        limit: int,
    ) -> None:
        self.preprocessing = preprocessing
        self.holdouts = [(domain, _some(len(domain), limit)) for domain in holdouts]
        self.target = None if target is None else (target, _some(len(target), limit))
        self.watch = watch
        labels = [domain.labels()[rows] for domain, rows in self.holdouts]
        self._labels = _joined(labels, np.zeros(0, np.int64))
        self._affect = _affect(self.holdouts)

    @property
    def validators(self) -> list[str]:
        """Validators that the domains allow; for `source_rmse` the method must say affect, too."""
        of_source = {"source_accuracy": bool(self.holdouts), "source_rmse": self._affect is not None}
        return [name for name in list_validators() if of_source.get(name, self.target is not None)]

    def check(self, select: str) -> None:
        """Raise unless the domains allow a validator.

        Args:
            select: Its name, or `last`.

        Raises:
            UserError: Says what it needs, and which others there are.
        """
        if select not in (*self.validators, "last"):
            needed = {
                "source_accuracy": "held-out faces of a source",
                "source_rmse": "valence and arousal of held-out faces",
            }.get(select, "a target (--target)")
            raise UserError(
                f"training.select={select} cannot choose without {needed}; "
                f"what can: {', '.join((*self.validators, 'last'))}."
            )

    def at_home_in_target(self, method: Method, device: torch.device) -> Method:
        """Return a copy whose batch norms have the target's statistics.

        Args:
            method: Is left as it is.
            device: Where it is.

        Raises:
            UserError: If there is no target.
        """
        if self.target is None:
            raise UserError(
                "training.target_norm needs a target; name one with --target, or set it to false."
            )
        domain, rows = self.target
        shown = evaluation_batches(domain, self.preprocessing, rows, device=device)
        return with_statistics_of(method, ((batch.images, batch.landmarks) for batch in shown))

    def score(self, method: Method, device: torch.device) -> dict[str, float]:
        """Return every validator's score that domains and method allow, higher is better.

        Without source faces `classes_in_use` is added, by which a collapse is noticed.

        Args:
            method: To be scored.
            device: Where it is.
        """
        source = [answers(method, domain, rows, self.preprocessing, device) for domain, rows in self.holdouts]
        nobody = np.zeros((0, method.classes), np.float32)
        probabilities = _joined([said.probabilities for said in source], nobody)
        affect = [said.affect for said in source if said.affect is not None]
        target, features = nobody, np.zeros((0, 1), np.float32)
        if self.target is not None:
            target, features, _ = answers(method, *self.target, self.preprocessing, device)
        outputs = EpochOutputs(
            source_probabilities=probabilities,
            source_labels=self._labels,
            target_probabilities=target,
            target_features=features,
            source_affect=self._affect,
            source_affect_answers=np.concatenate(affect) if affect else None,
        )
        names = [name for name in self.validators if affect or name != "source_rmse"]
        scores = {name: float(validator(name)(outputs)) for name in names}
        return scores if self.holdouts else scores | {"classes_in_use": classes_in_use(target)}

    def record(self, method: Method, device: torch.device, path: Path) -> None:
        """Write the probabilities of the watched rows.

        Args:
            method: To be recorded.
            device: Where it is.
            path: An `.npz` with `rows` (m,) and `probabilities` (m, C).
        """
        if self.watch is None:
            return
        probabilities = answers(method, self.watch, None, self.preprocessing, device).probabilities
        with replacing(path) as temporary:
            np.savez_compressed(
                temporary, rows=self.watch.rows, probabilities=probabilities.astype(np.float32)
            )


def _joined(parts: Sequence[np.ndarray], nothing: np.ndarray) -> np.ndarray:
    return np.concatenate(parts) if parts else nothing


def _affect(holdouts: Sequence[tuple[Domain, np.ndarray]]) -> np.ndarray | None:
    """(n, 2) valence and arousal of the scored rows, NaN where unknown; None if no domain has any."""
    found = [(domain.affect(), rows) for domain, rows in holdouts]
    if all(affect is None for affect, _ in found):
        return None
    return np.concatenate(
        [np.full((len(rows), 2), np.nan) if affect is None else affect[rows] for affect, rows in found]
    )


def _some(count: int, limit: int) -> np.ndarray:
    rows = np.arange(count)
    if count > limit:
        # the same rows every epoch, so that scores differ by the weights alone
        rows = np.sort(np.random.default_rng(0).choice(count, limit, replace=False))
    return rows
