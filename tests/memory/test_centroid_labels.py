from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cosine
from torch import Tensor

from ferda.memory.centroid_labels import centroid_labels


def one_by_one(features: Tensor, probabilities: Tensor) -> list[int]:
    """The definition, with means for centroids and distances for cosines, a face at a time."""
    rows = [np.append(row, 1.0) / np.linalg.norm(np.append(row, 1.0)) for row in features.numpy()]
    shares = probabilities.numpy()
    labels = [int(np.argmax(row)) for row in shares]
    for _ in range(2):
        centroids = {}
        for k in sorted(set(labels)):
            total = sum(share[k] for share in shares)
            centroids[k] = sum(share[k] * row for share, row in zip(shares, rows, strict=True)) / total
        labels = [min(centroids, key=lambda k: cosine(row, centroids[k])) for row in rows]
        shares = [[float(label == k) for k in range(len(shares[0]))] for label in labels]
    return labels


@given(st.integers(0, 1000), st.integers(1, 20), st.integers(2, 5))
def test_equals_the_definition(seed: int, count: int, classes: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    probabilities = (2 * torch.randn(count, classes, generator=generator, dtype=torch.float64)).softmax(1)
    assert centroid_labels(features, probabilities).tolist() == one_by_one(features, probabilities)


def test_faces_that_lie_together_outvote_a_wrong_answer() -> None:
    features = torch.tensor([[9.0, 1], [9, 0], [9, 2], [1, 9], [0, 9], [2, 9]])
    probabilities = torch.eye(2)[[0, 0, 1, 1, 1, 1]] * 0.8 + 0.1
    assert centroid_labels(features, probabilities).tolist() == [0, 0, 0, 1, 1, 1]


def test_a_class_that_is_nobodys_answer_is_nobodys_label() -> None:
    # class 2 is everybody's second choice, and its weighted centroid lies where the last face is
    features = torch.tensor([[1.0, 0], [1, 0.1], [0, 1], [0.1, 1], [0.7, 0.7]])
    probabilities = torch.tensor([[0.5, 0.05, 0.45]] * 2 + [[0.05, 0.5, 0.45]] * 3)
    assert 2 not in centroid_labels(features, probabilities)
