from __future__ import annotations

import itertools
import math

import pytest
import torch

from ferda.losses.discriminative_kernel import likeness


def k(x: torch.Tensor, y: torch.Tensor) -> float:
    return math.exp(-(math.dist(x.tolist(), y.tolist()) ** 2) / 2)


def test_values_equal_the_means_over_pairs() -> None:
    torch.manual_seed(0)
    source, target = torch.randn(6, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)
    labels = torch.tensor([0, 0, 0, 1, 1, 3])
    pairs = list(itertools.combinations(range(6), 2))
    by_class = [
        [k(source[i], source[j]) for i, j in pairs if labels[i] == labels[j] == label] for label in (0, 1)
    ]
    other = [k(source[i], source[j]) for i, j in pairs if labels[i] != labels[j]]
    found = likeness(source, target, labels, classes=5)
    assert found.domains.item() == pytest.approx(k(source.mean(0), target.mean(0)), rel=1e-10)
    assert found.within.item() == pytest.approx(sum(sum(one) / len(one) for one in by_class) / 2, rel=1e-10)
    assert found.between.item() == pytest.approx(sum(other) / len(other), rel=1e-10)


def test_what_has_no_pair_is_zero_and_all_is_finite() -> None:
    rows = torch.zeros(2, 3).bfloat16().requires_grad_()
    apart = likeness(rows, rows, torch.tensor([0, 1]), classes=2)
    assert (apart.domains, apart.within, apart.between) == (1, 0, 1)
    same = likeness(rows, rows, torch.tensor([1, 1]), classes=2)
    assert (same.within, same.between) == (1, 0)
    sum(likeness(rows, rows, torch.tensor([0, 1]), classes=2, shape="laplacian")).backward()
    assert rows.grad is not None and rows.grad.isfinite().all()
