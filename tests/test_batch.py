"""The records that flow through training."""

from __future__ import annotations

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Output, Progress, Unlabelled


def rows(count: int, labels: torch.Tensor, landmarks: bool = True) -> Labelled:
    points = torch.ones(count, 5, 2) if landmarks else None
    return Labelled(torch.zeros(count, 3, 8, 8), labels, points)


def test_pooled_sources_keep_order_labels_and_what_is_known_of_landmarks() -> None:
    soft = torch.tensor([[0.2, 0.8], [1.0, 0.0]])
    pooled = DomainBatch((rows(1, torch.tensor([1])), rows(2, soft, landmarks=False))).pooled
    assert torch.allclose(pooled.labels, torch.tensor([[0.0, 1.0], [0.2, 0.8], [1.0, 0.0]]))
    assert pooled.hard_labels.tolist() == [1, 1, 0]
    assert pooled.landmarks is not None
    assert pooled.landmarks.isnan().all((1, 2)).tolist() == [False, True, True]


def test_pooled_sources_without_any_landmark_have_none() -> None:
    both = (rows(1, torch.tensor([1]), landmarks=False), rows(2, torch.tensor([0, 1]), landmarks=False))
    assert DomainBatch(both).pooled.landmarks is None


def test_shapes_are_checked_when_a_record_is_made() -> None:
    with pytest.raises(ValueError, match="images"):
        Unlabelled(torch.zeros(2, 1, 8, 8))
    with pytest.raises(ValueError, match="labels"):
        rows(2, torch.zeros(3, dtype=torch.long))


def test_probabilities_are_float32_and_sum_to_one() -> None:
    output = Output(torch.randn(4, 7, dtype=torch.bfloat16), torch.zeros(4, 1))
    assert output.probabilities.dtype == torch.float32
    assert torch.allclose(output.probabilities.sum(1), torch.ones(4))


def test_progress_never_passes_one() -> None:
    assert Progress(step=12, steps=10).fraction == 1.0
    assert Progress(step=3, steps=10).at("heads").update == "heads"
