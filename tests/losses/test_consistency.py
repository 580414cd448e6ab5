from __future__ import annotations

import math
from typing import get_args

import pytest
import torch
from torch.nn import functional

from ferda.losses.consistency import (
    ConsistencyKind,
    ConsistencyLoss,
    PseudoLabels,
    ThresholdMap,
    class_thresholds,
    pseudo_labels,
)


def test_threshold_maps_by_hand() -> None:
    status = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    expected = {
        "quadratic": [0.2375, 0.534375, 0.95],
        "linear": [0.475, 0.7125, 0.95],
        "low_limit": [0.475, 0.95 / 1.5, 0.95],
        "fixed": [0.95] * 3,
        "convex": [0, 0.95 / 3, 0.95],
        "product": [0, 0.475, 0.95],
        "concave": [
            0.95 * 0.5 / (math.log(2) + 0.5),
            0.95 * (math.log(1.5) + 0.5) / (math.log(2) + 0.5),
            0.95,
        ],
    }
    assert set(expected) == set(get_args(ThresholdMap))
    for kind, values in expected.items():
        assert class_thresholds(status, kind).tolist() == pytest.approx(values), kind  # type: ignore[arg-type]


def test_an_unknown_map_is_refused() -> None:
    with pytest.raises(ValueError, match="quadratic"):
        class_thresholds(torch.zeros(3), "cubic")  # type: ignore[arg-type]


def test_pseudo_labels_ask_each_class_for_its_own_confidence() -> None:
    logits = torch.tensor([[0.7, 0.3], [0.3, 0.7], [0.01, 0.99]]).log()
    found = pseudo_labels(logits, torch.tensor([0.6, 0.8]))
    assert found.labels.tolist() == [0, 1, 1]
    assert found.accepted.tolist() == [True, False, True]
    assert found.certain.tolist() == [False, False, True]


def test_the_mean_is_over_all_rows_and_the_teacher_does_not_learn() -> None:
    torch.manual_seed(0)
    strong, weak = torch.randn(4, 3).requires_grad_(), torch.randn(4, 3).requires_grad_()
    labels = weak.argmax(1)
    accepted = torch.tensor([True, False, True, False])
    loss = ConsistencyLoss()(strong, weak, PseudoLabels(labels, accepted, accepted))
    loss.backward()
    rows = functional.cross_entropy(strong, labels, reduction="none")
    torch.testing.assert_close(loss, (rows[0] + rows[2]) / 4)
    assert weak.grad is None
    assert strong.grad[accepted].any(1).all() and not strong.grad[~accepted].any()


@pytest.mark.parametrize("kind", get_args(ConsistencyKind))
def test_heads_are_independent_and_bfloat16_is_finite(kind: ConsistencyKind) -> None:
    torch.manual_seed(0)
    strong, weak = torch.randn(7, 4, 3), 3 * torch.randn(7, 4, 3)
    thresholds = class_thresholds(torch.rand(7, 3))
    loss = ConsistencyLoss(kind)
    together = loss(strong, weak, pseudo_labels(weak, thresholds))
    for head in range(7):
        alone = loss(strong[head], weak[head], pseudo_labels(weak[head], thresholds[head]))
        torch.testing.assert_close(together[head], alone)
    half = loss(strong.bfloat16(), weak.bfloat16(), pseudo_labels(weak.bfloat16(), thresholds))
    assert half.dtype == torch.float32 and half.isfinite().all()


def test_nothing_accepted_is_zero_not_nan() -> None:
    strong = torch.randn(2, 3).requires_grad_()
    loss = ConsistencyLoss()(strong, torch.zeros(2, 3), pseudo_labels(torch.zeros(2, 3), torch.ones(3)))
    loss.backward()
    assert loss.item() == 0 and not strong.grad.any()


def test_views_must_match() -> None:
    weak = torch.zeros(2, 3)
    with pytest.raises(ValueError, match="equal shapes"):
        ConsistencyLoss()(torch.zeros(4, 3), weak, pseudo_labels(weak, torch.ones(3)))
