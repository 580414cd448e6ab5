from __future__ import annotations

import torch

from ferda.memory.prototypes import Prototypes


def test_the_first_batch_sets_and_later_ones_move() -> None:
    memory = Prototypes(domains=2, classes=3, width=2)
    memory.update(1, torch.tensor([[1.0, 3], [3.0, 5], [7.0, 7]]), torch.tensor([0, 0, 2]))
    assert memory.means[1].tolist() == [[2, 4], [0, 0], [7, 7]]
    assert memory.known.tolist() == [[False] * 3, [True, False, True]]
    memory.update(1, torch.tensor([[4.0, 0], [1.0, 1]]), torch.tensor([0, 1]))
    assert memory.means[1].tolist() == [[3, 2], [1, 1], [7, 7]]
    assert not memory.means[0].any()


def test_the_centre_loss_counts_known_classes_and_moves_features_alone() -> None:
    memory = Prototypes(domains=1, classes=3, width=2)
    memory.update(0, torch.tensor([[1.0, 1]]), torch.tensor([0]))
    features = torch.tensor([[3.0, 1], [5.0, 5]]).requires_grad_()
    loss = memory.distance(0, features, torch.tensor([0, 2]))
    assert loss.item() == 4 / 2 / 2
    loss.backward()
    assert features.grad is not None
    assert features.grad.tolist() == [[1, 0], [0, 0]]


def test_it_is_saved() -> None:
    memory = Prototypes(domains=1, classes=2, width=2)
    memory.update(0, torch.randn(4, 2), torch.tensor([0, 0, 1, 1]))
    fresh = Prototypes(domains=1, classes=2, width=2)
    fresh.load_state_dict(memory.state_dict())
    assert torch.equal(fresh.means, memory.means) and fresh.known.all()
