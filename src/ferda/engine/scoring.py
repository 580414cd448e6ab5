"""Scores an epoch without target labels, and records what the model says of the target.

Each domain passes the network once; every validator reads the same arrays. Only `mixval` needs further
passes, which a run makes if it chooses by it. The record holds row numbers and probabilities only: it is what
an evaluation, after the run and with labels in hand, computes the oracle from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from ferda.data.domain import Domain, UnlabelledDomain
from ferda.data.loader import evaluation_batches
from ferda.engine.checkpoint import Preprocessing
from ferda.engine.mixing import mixed_answers
from ferda.errors import UserError
from ferda.files import replacing
from ferda.layers.norm_statistics import with_statistics_of
from ferda.methods.base import Method
from ferda.selection import comparison, lacking, list_comparisons, list_validators, mixval, validator
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
        self._labels = np.concatenate([np.zeros(0, np.int64), *labels])
        self._affect = _affect(self.holdouts)

    @property
    def has(self) -> set[str]:
        """What the domains offer to validators, as `ferda.selection.NEEDED` names it."""
        offers = {
            "sources": bool(self.holdouts),
            "affect": self._affect is not None,
            "target": self.target is not None,
        }
        return {name for name, is_there in offers.items() if is_there}

    def check(self, select: str) -> None:
        """Raise unless the domains allow a validator.

        Args:
            select: Its name, or `last`.

        Raises:
            UserError: Says what it needs, and which others there are.
        """
        has = self.has | {"mixed"}  # which is made for whoever chooses by it
        if select != "last" and (needed := lacking(select, has)):
            possible = [name for name in list_validators() if not lacking(name, has)]
            raise UserError(
                f"training.select={select} cannot choose without {needed}; "
                f"what can: {', '.join((*possible, 'last'))}."
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

    def outputs(self, method: Method, device: torch.device, *, mixed: bool = False) -> EpochOutputs:
        """Return a method's answers for all scored rows: each domain passes the network once.

        Without source faces `classes_in_use` is added, by which a collapse is noticed.

        Args:
            method: To be scored.
            device: Where it is.
            mixed: Show mixtures of the target's pictures, too, in up to two further passes.
        """
        source = [answers(method, domain, rows, self.preprocessing, device) for domain, rows in self.holdouts]
        nobody = np.zeros((0, method.classes), np.float32)
        affect = [said.affect for said in source if said.affect is not None]
        target, features = nobody, np.zeros((0, 1), np.float32)
        pairs = mixtures = None
        if self.target is not None:
            domain, rows = self.target
            target, features, _ = answers(method, domain, rows, self.preprocessing, device)
            features = _flat(features)
            if mixed:
                pairs = mixval.pairs(target.argmax(1))
                mixtures = mixed_answers(method, domain, rows[pairs], self.preprocessing, device)
        return EpochOutputs(
            source_probabilities=np.concatenate([nobody, *(said.probabilities for said in source)]),
            source_labels=self._labels,
            target_probabilities=target,
            target_features=features,
            source_affect=self._affect,
            source_affect_answers=np.concatenate(affect) if affect else None,
            source_features=np.concatenate([_flat(said.features) for said in source]) if source else None,
            mixed_rows=pairs,
            mixed_probabilities=mixtures,
        )

    def score(self, outputs: EpochOutputs) -> dict[str, float]:
        """Return the score of every validator that judges an epoch by itself, higher is better.

        A validator that lacks something is absent. A model whose answers are not finite scores NaN and loses.
        Without source faces `classes_in_use` is added, by which a collapse is noticed.

        Args:
            outputs: Of one epoch.
        """
        names = [name for name in self._possible(outputs) if name not in list_comparisons()]
        scores = {name: float(validator(name)(outputs)) if outputs.is_finite else math.nan for name in names}
        if self.holdouts or self.target is None:
            return scores
        return scores | {"classes_in_use": classes_in_use(outputs.target_probabilities)}

    def remember(self, outputs: EpochOutputs) -> dict[str, np.ndarray]:
        """Return, for every validator that compares epochs, what it keeps of this one.

        Args:
            outputs: Of one epoch.
        """
        names = [name for name in self._possible(outputs) if name in list_comparisons()]
        return {name: comparison(name).remember(outputs) for name in names}

    def _possible(self, outputs: EpochOutputs) -> list[str]:
        has = self.has | ({"mixed"} if outputs.mixed_rows is not None else set())
        if outputs.source_affect_answers is None:
            has.discard("affect")
        return [name for name in list_validators() if not lacking(name, has)]

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


def _flat(features: np.ndarray) -> np.ndarray:
    return features.reshape(len(features), -1)


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
