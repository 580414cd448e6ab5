from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from ferda.losses.joint_information import JointCritic, JointInformationLoss, class_pairs

WIDTH, CLASSES = 5, 4


def pairs_by_hand(source: list[int], target: list[int]) -> list[tuple[int, int, int]]:
    """(source row, target row, class), class by class."""
    found = []
    for label in range(CLASSES):
        ours = [row for row, own in enumerate(source) if own == label]
        theirs = [row for row, own in enumerate(target) if own == label]
        found += [(*pair, label) for pair in zip(ours, theirs, strict=False)]
    return found


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ([1, 0, 1, 2, 1, 0], [1, 1, 0, 3, 2, 2]),
        ([0, 0, 0, 0, 0], [0, 0]),
        ([0, 1], [1, 1, 1, 1, 0]),
        ([0, 1], [2, 3, 3]),
        ([-1, 2, 2, -1], [-1, 2, -1]),
        ([3], [3]),
    ],
)
def test_pairs(source: list[int], target: list[int]) -> None:
    found = class_pairs(torch.tensor(source), torch.tensor(target), CLASSES)
    expected = pairs_by_hand(source, target)
    assert len(found.valid) == min(len(source), len(target))
    assert found.valid.tolist() == [row < len(expected) for row in range(len(found.valid))]
    columns = zip(found.source.tolist(), found.target.tolist(), found.labels.tolist(), strict=True)
    assert [*columns][: len(expected)] == expected


def by_formula(
    critic: JointCritic,
    features: tuple[Tensor, Tensor],
    labels: tuple[list[int], list[int]],
    order: list[int],
) -> float:
    """The bound pair by pair, with the prior of the pair's own class."""
    pairs = pairs_by_hand(*labels)
    share = {label: sum(own == label for *_, own in pairs) / len(pairs) for *_, label in pairs}

    def score(row: int, label: int) -> float:
        pair = torch.cat([features[0][pairs[row][0]], features[1][pairs[row][1]]])
        one_hot = torch.eye(CLASSES, dtype=pair.dtype)[label]
        joint, marginal = critic.joint(torch.cat([pair, one_hot])), critic.marginal(pair)
        gain = joint.clamp(-50, 50).item() - marginal.clamp(-50, 50).item()
        return min(max(1 + gain - math.log(share[label]), -20), 20)

    matched = [score(row, pair[2]) for row, pair in enumerate(pairs)]
    mixed = [score(row, pairs[other][2]) for row, other in enumerate(order)]
    bound = sum(matched) / len(pairs)
    return sum(math.exp(min(max(t - 1, -10), 10)) for t in mixed) / len(pairs) - bound


@pytest.fixture
def critic() -> JointCritic:
    torch.manual_seed(1)
    return JointCritic(WIDTH, CLASSES, hidden=8).double()


def rows(count: int, seed: int) -> Tensor:
    return torch.randn(count, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_value_equals_the_formula(critic: JointCritic) -> None:
    labels = [1, 0, 1, 2, 1, 0, 2], [1, 1, 0, 3, 2]
    features = rows(7, 1), rows(5, 2)
    order = [2, 0, 3, 1]
    loss = JointInformationLoss()
    loss.permutation = lambda valid: torch.tensor([*order, 4])  # type: ignore[method-assign]
    found = loss(critic, (features[0], torch.tensor(labels[0])), (features[1], torch.tensor(labels[1])))
    assert found.item() == pytest.approx(by_formula(critic, features, labels, order), rel=1e-10)


@pytest.mark.parametrize("prior", ["gathered", "broadcast"])
def test_without_a_common_class_it_is_zero(critic: JointCritic, prior: Any) -> None:
    source, target = rows(3, 1).requires_grad_(), rows(2, 2).requires_grad_()
    loss = JointInformationLoss(prior)(
        critic, (source, torch.tensor([0, 1, 1])), (target, torch.tensor([2, -1]))
    )
    loss.backward()
    assert loss.item() == 0 and (source.grad == 0).all() and (target.grad == 0).all()
    assert all((weight.grad == 0).all() for weight in critic.parameters())


def test_the_authors_prior_drowns_the_loss_in_a_constant(critic: JointCritic) -> None:
    """Two of four classes have no pair; each then counts with e^10 over the number of classes."""
    source, target = (rows(4, 1), torch.tensor([0, 1, 0, 1])), (rows(4, 2), torch.tensor([1, 1, 0, 0]))
    published = JointInformationLoss("broadcast")(critic, source, target).item()
    assert published == pytest.approx(2 * math.exp(10) / CLASSES, rel=1e-2)
    assert abs(JointInformationLoss()(critic, source, target).item()) < 10


def test_gradient_reaches_pairs_and_critic_only(critic: JointCritic) -> None:
    source, target = rows(4, 1).requires_grad_(), rows(3, 2).requires_grad_()
    JointInformationLoss()(
        critic, (source, torch.tensor([0, 2, 0, 1])), (target, torch.tensor([0, -1, 2]))
    ).backward()
    assert (source.grad.abs().sum(1) > 0).tolist() == [True, True, False, False]
    assert (target.grad.abs().sum(1) > 0).tolist() == [True, False, True]
    assert all(weight.grad is not None for weight in critic.parameters())


def test_the_shuffle_is_of_the_valid_pairs() -> None:
    valid = torch.tensor([True] * 6 + [False] * 3)
    orders = [JointInformationLoss().permutation(valid).tolist() for _ in range(4)]
    assert all(sorted(order[:6]) == [*range(6)] for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_descending_raises_the_bound() -> None:
    """Features that tell the class let the critic tell true from shuffled classes."""
    torch.manual_seed(0)
    critic = JointCritic(WIDTH, CLASSES, hidden=16)
    labels = torch.arange(32) % CLASSES
    features = torch.nn.functional.one_hot(labels, WIDTH).float() + 0.1 * torch.randn(32, WIDTH)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-2)
    values = []
    for _ in range(60):
        optimiser.zero_grad()
        loss = JointInformationLoss()(critic, (features, labels), (features, labels))
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    assert sum(values[-5:]) / 5 < sum(values[:5]) / 5 - 0.5


def test_one_pair_and_bfloat16_are_finite() -> None:
    critic = JointCritic(WIDTH, CLASSES, hidden=8)
    one = (torch.randn(1, WIDTH), torch.tensor([2]))
    assert JointInformationLoss()(critic, one, one).isfinite()
    with torch.autocast("cpu", torch.bfloat16):
        half = JointInformationLoss()(critic, (one[0].bfloat16(), one[1]), (one[0].bfloat16(), one[1]))
    assert half.dtype == torch.float32 and half.isfinite()
