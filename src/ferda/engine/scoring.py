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
        """Return every validator's score, higher is better.

        Args:
            method: To be scored.
            device: Where it is.
        """
        source = [
            answers(method, domain, rows, self.preprocessing, device).probabilities
            for domain, rows in self.holdouts
        ]
        labels = [domain.labels()[rows] for domain, rows in self.holdouts]
        probabilities = np.concatenate(source) if source else np.zeros((0, method.classes), np.float32)
        target, features = probabilities[:0], np.zeros((0, 1), np.float32)
        names = ["source_accuracy"] if source else []
        if self.target is not None:
            target, features, _ = answers(method, *self.target, self.preprocessing, device)
            names += [name for name in list_validators() if name != "source_accuracy"]
        outputs = EpochOutputs(
            source_probabilities=probabilities,
            source_labels=np.concatenate(labels) if labels else np.zeros(0, np.int64),
            target_probabilities=target,
            target_features=features,
        )
        return {name: float(validator(name)(outputs)) for name in names}

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


def _some(count: int, limit: int) -> np.ndarray:
    rows = np.arange(count)
    if count > limit:
        # the same rows every epoch, so that scores differ by the weights alone
        rows = np.sort(np.random.default_rng(0).choice(count, limit, replace=False))
    return rows
