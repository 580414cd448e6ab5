"""Answers of models that are right, wrong or collapsed, for faces whose classes are known here alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ferda.selection.outputs import EpochOutputs

#: Happiness and neutral are most of a natural set of faces.
NATURAL = np.array([0.08, 0.03, 0.03, 0.4, 0.08, 0.06, 0.32])


@pytest.fixture(scope="session")
def natural() -> np.ndarray:
    """Classes of 600 faces as they come."""
    return np.random.default_rng(0).choice(len(NATURAL), 600, p=NATURAL)


@pytest.fixture(scope="session")
def answers() -> Callable[..., np.ndarray]:
    """Makes probabilities that give each row's class this much, and the rest to the others evenly."""

    def make(classes: np.ndarray, sureness: float = 0.9, count: int = len(NATURAL)) -> np.ndarray:
        rows = np.full((len(classes), count), (1 - sureness) / (count - 1))
        rows[np.arange(len(classes)), classes] = sureness
        return rows.astype(np.float32)

    return make


@pytest.fixture(scope="session")
def outputs() -> Callable[..., EpochOutputs]:
    """Makes what a validator sees, with a source of one row unless there is another."""

    def make(target: np.ndarray, features: np.ndarray | None = None, **others: Any) -> EpochOutputs:
        features = np.zeros((len(target), 4), np.float32) if features is None else features
        source = {
            "source_probabilities": np.eye(target.shape[1], dtype=np.float32)[:1],
            "source_labels": np.zeros(1, int),
        }
        return EpochOutputs(
            target_probabilities=target, target_features=features.astype(np.float32), **(source | others)
        )

    return make


@pytest.fixture(scope="session")
def blobs() -> Callable[..., np.ndarray]:
    """Makes features that lie in a tight heap for each class, far from one another."""

    def make(classes: np.ndarray, spread: float = 0.3, seed: int = 0) -> np.ndarray:
        rng = np.random.default_rng(seed)
        return 8 * np.eye(10)[classes] + spread * rng.normal(size=(len(classes), 10))

    return make
