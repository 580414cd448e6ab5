from __future__ import annotations

import math

import torch

from ferda.memory.answer_shares import AnswerShares


def test_it_is_a_running_mean_that_starts_without_a_favourite() -> None:
    shares = AnswerShares(2, decay=0.9)
    logits = torch.tensor([[1.0, -2.0]])
    torch.testing.assert_close(shares.debiased(logits, 1.0) - logits, torch.full((1, 2), math.log(2)))
    kept = [0.5, 0.5]
    for batch in ([[0.9, 0.1], [0.7, 0.3]], [[0.2, 0.8]]):
        shares.take(torch.tensor(batch))
        mean = [sum(row[c] for row in batch) / len(batch) for c in (0, 1)]
        kept = [0.9 * before + 0.1 * now for before, now in zip(kept, mean, strict=True)]
    torch.testing.assert_close(shares.shares, torch.tensor(kept))


def test_a_class_that_is_always_answered_is_no_longer_ahead() -> None:
    shares = AnswerShares(3, decay=0.0)
    logits = torch.tensor([[2.0, 1.5, -8.0]])
    shares.take(torch.tensor([[0.98, 0.02, 0.0]]))
    half = shares.debiased(logits, 0.5)[0]
    by_hand = [2.0 - 0.5 * math.log(0.98), 1.5 - 0.5 * math.log(0.02), -8.0 - 0.5 * math.log(1e-4)]
    torch.testing.assert_close(half, torch.tensor(by_hand))
    assert half.argmax() == 1
    assert torch.equal(shares.debiased(logits, 0.0), logits)
