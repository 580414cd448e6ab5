from __future__ import annotations

import torch

from ferda.memory.class_shares import ClassShares


def test_weights_are_the_ratio_of_the_shares() -> None:
    shares = ClassShares(3)
    shares.count(torch.tensor([0, 0, 0, 1]))
    shares.count(torch.tensor([0, 1, 1, 1]))
    assert torch.allclose(shares.weights(torch.tensor([0, 1])), torch.tensor([2 / 3, 2 / 3]))
    shares.guess(torch.tensor([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 2, 2]))
    torch.testing.assert_close(shares.weights(torch.tensor([1, 0])), torch.tensor([7 / 6, 1 / 2]))
    fresh = ClassShares(3)
    fresh.load_state_dict(shares.state_dict())
    assert torch.equal(fresh.weights(torch.tensor([1, 0])), shares.weights(torch.tensor([1, 0])))


def test_soft_labels_count_by_their_shares_and_the_prior_is_never_zero() -> None:
    shares = ClassShares(3)
    shares.count(torch.tensor([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]))
    torch.testing.assert_close(shares.log_prior().exp(), torch.tensor([2.5, 1.5, 1.0]) / 5)
