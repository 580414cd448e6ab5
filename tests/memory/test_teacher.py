from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from ferda.batch import Progress
from ferda.memory.teacher import Teacher


def student() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2)).double()


def moved(network: nn.Module, by: float) -> None:
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(by * torch.randn_like(weight))


def test_it_copies_first_and_then_follows_by_the_formula() -> None:
    network = student()
    teacher = Teacher(network, decay=0.6)
    by_hand: list[torch.Tensor] = []
    for step in range(5):
        moved(network, 1.0)
        teacher.follow(network, Progress(step=step, steps=5))
        a = min(0.6, step / (step + 1))
        weights = [weight.detach().clone() for weight in network.parameters()]
        by_hand = [a * old + (1 - a) * new for old, new in zip(by_hand or weights, weights, strict=True)]
        for found, expected in zip(teacher.parameters(), by_hand, strict=True):
            torch.testing.assert_close(found.data, expected)


def test_a_stage_begins_with_the_student_itself() -> None:
    network = student()
    teacher = Teacher(network)
    teacher.follow(network, Progress(step=7, steps=9, stage="source"))
    moved(network, 1.0)
    teacher.follow(network, Progress(step=0, steps=9, stage="adapt"))
    assert all(map(torch.equal, teacher.parameters(), network.parameters()))


def test_a_second_call_in_a_step_changes_nothing() -> None:
    network = student()
    teacher = Teacher(network, decay=0.5)
    teacher.follow(network, Progress(step=4, steps=9))
    before = copy.deepcopy(teacher.state_dict())
    moved(network, 1.0)
    teacher.follow(network, Progress(step=4, steps=9, update="another"))
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    teacher.follow(network, Progress(step=5, steps=9))
    assert not torch.equal(before["network.0.weight"], teacher.state_dict()["network.0.weight"])


def test_it_goes_on_after_its_state_was_saved() -> None:
    network = student()
    first, second = Teacher(network, 0.9), Teacher(student(), 0.9)
    first.follow(network, Progress(step=3, steps=9))
    second.load_state_dict(first.state_dict())
    moved(network, 1.0)
    for teacher in (first, second):
        teacher.follow(network, Progress(step=4, steps=9))
    assert all(map(torch.equal, first.parameters(), second.parameters()))


def test_nothing_is_dropped_and_nothing_is_learned() -> None:
    network = student().train()
    teacher = Teacher(network).train()
    rows = torch.randn(6, 3, dtype=torch.float64, requires_grad=True)
    answer = teacher(rows)
    assert torch.equal(answer, teacher(rows))
    assert not answer.requires_grad
    assert not any(weight.requires_grad for weight in teacher.parameters())
    # normalised by its batch, not by what batch norm remembers
    normal = nn.functional.batch_norm(network[0](rows), None, None, network[1].weight, network[1].bias, True)
    torch.testing.assert_close(answer, network[3](normal).detach())


@pytest.mark.parametrize("mode", [True, False])
def test_batch_norm_follows_the_mode(mode: bool) -> None:
    teacher = Teacher(student()).train(mode)
    assert [module.training for module in teacher.network] == [False, mode, False, False]
