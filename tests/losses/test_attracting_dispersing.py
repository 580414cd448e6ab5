from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ferda.losses.attracting_dispersing import AttractingLoss, DispersingLoss


def some(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).softmax(-1)


def test_equal_to_the_sums_as_they_are_written() -> None:
    p, q = some(5, 4), some(5, 3, 4)
    attracting = -sum(p[i] @ q[i, k] for i in range(5) for k in range(3)) / 5
    dispersing = sum(p[i] @ p[m] for i in range(5) for m in range(5) if m != i) / 5
    torch.testing.assert_close(AttractingLoss()(p, q), attracting)
    torch.testing.assert_close(DispersingLoss()(p), dispersing)


def test_attracting_has_the_gradient_of_the_authors_divergence() -> None:
    logits, q = torch.randn(5, 4, dtype=torch.float64, requires_grad=True), some(5, 3, 4)
    ours = torch.autograd.grad(AttractingLoss()(logits.softmax(1), q), logits)[0]
    answers = logits.softmax(1).unsqueeze(1).expand(-1, 3, -1)
    theirs = functional.kl_div(answers, q, reduction="none").sum((1, 2)).mean()
    torch.testing.assert_close(ours, torch.autograd.grad(theirs, logits)[0])


def test_least_where_neighbours_agree_and_batches_do_not() -> None:
    alike, apart = torch.eye(4)[[1, 1, 1]], torch.eye(4)[:3]
    assert AttractingLoss()(alike, alike.unsqueeze(1)) == pytest.approx(-1)
    assert AttractingLoss()(alike, apart[[0, 2, 0]].unsqueeze(1)) == 0
    assert DispersingLoss()(alike) == 2
    assert DispersingLoss()(apart) == 0


def test_a_batch_of_one_has_nobody_to_disagree_with() -> None:
    p = some(1, 4).requires_grad_()
    loss = DispersingLoss()(p)
    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(loss, p)[0].abs().max() < 1e-12


def test_order_does_not_matter() -> None:
    p, q = some(6, 3), some(6, 2, 3)
    torch.testing.assert_close(DispersingLoss()(p), DispersingLoss()(p.flip(0)))
    torch.testing.assert_close(AttractingLoss()(p, q), AttractingLoss()(p.flip(0), q.flip(0)))
