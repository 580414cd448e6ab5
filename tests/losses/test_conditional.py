from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ferda.layers.random_map import RandomMultilinearMap
from ferda.losses.adversarial import DomainCritic
from ferda.losses.conditional import ConditionalAdversarialLoss, outer_product

Pair = tuple[Tensor, Tensor]


def pairs(n: int = 5, m: int = 3, dtype: torch.dtype = torch.float64) -> tuple[Pair, Pair]:
    torch.manual_seed(1)

    def make(rows: int, width: int) -> Tensor:
        return torch.randn(rows, width, dtype=dtype).requires_grad_()

    return (make(n, 4), make(n, 3)), (make(m, 4), make(m, 3))


def test_outer_product_runs_over_features_first() -> None:
    product = outer_product(torch.tensor([[2.0, 3.0]]), torch.tensor([[1.0, 10.0, 100.0]]))
    assert product.tolist() == [[2, 20, 200, 3, 30, 300]]


def by_formula(critic: DomainCritic, source: Pair, target: Pair, weighted: bool) -> Tensor:
    """Row by row, with the probabilities' cross-entropy of torch."""
    total = torch.zeros((), dtype=torch.float64)
    for (features, logits), domain in ((source, 1.0), (target, 0.0)):
        errors, weights = [], []
        for f, z in zip(features, logits, strict=True):
            p = z.softmax(0)
            d = torch.sigmoid(critic(torch.outer(p, f).reshape(1, -1)))
            errors.append(functional.binary_cross_entropy(d, torch.full_like(d, domain)))
            entropy = -sum(q * torch.log(q + 1e-5) for q in p)
            weights.append(1 + torch.exp(-entropy) if weighted else torch.ones(()))
        total = total + sum(w * e for w, e in zip(weights, errors, strict=True)) / sum(weights) / 2
    return total


@pytest.mark.parametrize("weighted", [True, False])
def test_value_equals_the_formula(weighted: bool) -> None:
    source, target = pairs()
    critic = DomainCritic(12, hidden=8).double().eval()
    loss = ConditionalAdversarialLoss(entropy_weights=weighted)(critic, source, target)
    torch.testing.assert_close(loss, by_formula(critic, source, target, weighted))


def test_logits_learn_through_the_entropy_alone() -> None:
    for weighted in (True, False):
        source, target = pairs()
        critic = DomainCritic(12, hidden=8).double().eval()
        ConditionalAdversarialLoss(weighted)(critic, source, target).backward()
        for features, logits in (source, target):
            assert features.grad.abs().sum() > 0
            assert (logits.grad is not None) == weighted


def test_both_reversals_scale_their_own_gradient() -> None:
    gradients = {}
    for reversal, of_entropy in ((1.0, 1.0), (0.5, 1.0), (1.0, 0.0)):
        source, target = pairs()
        torch.manual_seed(2)
        critic = DomainCritic(12, hidden=8).double().eval()
        ConditionalAdversarialLoss()(critic, source, target, reversal, of_entropy).backward()
        gradients[reversal, of_entropy] = (source[0].grad, source[1].grad)
    full, half, none = gradients.values()
    torch.testing.assert_close(half[0], 0.5 * full[0])
    torch.testing.assert_close(half[1], full[1])
    assert not none[1].any()


def test_a_batch_of_one_and_bfloat16_are_finite() -> None:
    source, target = pairs(1, 1, torch.bfloat16)
    critic = DomainCritic(12, hidden=8).to(torch.bfloat16)
    loss = ConditionalAdversarialLoss()(critic, source, target)
    loss.backward()
    assert loss.isfinite() and source[0].grad.isfinite().all() and source[1].grad.isfinite().all()


def test_a_random_map_shortens_the_critics_input() -> None:
    source, target = pairs(dtype=torch.float32)
    loss = ConditionalAdversarialLoss(random_map=RandomMultilinearMap(4, 3, width=6))
    loss(DomainCritic(6), source, target).backward()
    assert source[0].grad.abs().sum() > 0
