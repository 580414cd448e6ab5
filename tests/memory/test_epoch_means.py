from __future__ import annotations

import pytest
import torch

from ferda.memory.epoch_means import EpochMeans


def test_centres_are_the_means_of_the_epoch_that_ended() -> None:
    memory = EpochMeans(classes=3, width=2)
    first, labels = torch.tensor([[1.0, 2], [3, 4], [5, 9]]), torch.tensor([0, 0, 2])
    memory.remember(first, labels)
    assert not memory.known.any() and memory.distance(first, labels) == 0
    memory.turn()
    assert memory.means.tolist() == [[2, 3], [0, 0], [5, 9]] and memory.known.tolist() == [True, False, True]
    # a class that an epoch lacks stays where it was; what was added before does not count twice
    memory.remember(torch.tensor([[0.0, 8]]), torch.tensor([0]))
    memory.remember(torch.tensor([[4.0, 0]]), torch.tensor([0]))
    assert memory.means[0].tolist() == [2, 3]
    memory.turn()
    assert memory.means.tolist() == [[2, 4], [0, 0], [5, 9]]


def test_distance_by_hand_and_its_gradient() -> None:
    memory = EpochMeans(classes=3, width=2)
    memory.remember(torch.tensor([[2.0, 3], [5, 9]]), torch.tensor([0, 2]))
    memory.turn()
    rows = torch.tensor([[3.0, 3], [9, 9], [5, 7]], requires_grad=True)
    loss = memory.distance(rows, torch.tensor([0, 1, 2]))  # nothing is known of class 1
    loss.backward()
    assert loss.item() == pytest.approx((1 / 2 + 0 + 4 / 2) / 3)
    assert torch.allclose(rows.grad, torch.tensor([[1.0, 0], [0, 0], [0, -2]]) / 3)


def test_all_of_it_is_saved() -> None:
    memory, other = EpochMeans(2, 2), EpochMeans(2, 2)
    memory.remember(torch.ones(2, 2), torch.tensor([0, 1]))
    other.load_state_dict(memory.state_dict())
    other.turn()
    assert other.means.tolist() == [[1, 1], [1, 1]]
