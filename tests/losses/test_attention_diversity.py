from __future__ import annotations

import pytest
import torch

from ferda.losses.attention_diversity import AttentionDiversityLoss


def test_by_hand() -> None:
    heads = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64).view(3, 1, 1, 1, 1).expand(3, 2, 4, 3, 3)
    # squared differences 1, 9 and 4 of three pairs
    assert AttentionDiversityLoss()(heads.unbind(0)).item() == pytest.approx(3 / 14)
    assert AttentionDiversityLoss(epsilon=1.0)(heads.unbind(0)).item() == pytest.approx(3 / 15)


def test_equals_the_sum_over_pairs() -> None:
    heads = torch.rand(4, 3, 5, 2, 2, dtype=torch.float64)
    total = sum(float(((heads[i] - heads[j]) ** 2).mean()) for j in range(4) for i in range(j))
    assert AttentionDiversityLoss()(list(heads)).item() == pytest.approx(6 / total)
    assert AttentionDiversityLoss()(list(heads.flip(0, 1))).item() == pytest.approx(6 / total)


def test_one_head_costs_nothing_and_equal_heads_stay_finite() -> None:
    head = torch.rand(2, 3, 4, 4, requires_grad=True)
    assert AttentionDiversityLoss()([head]).item() == 0
    loss = AttentionDiversityLoss()([head, head])
    loss.backward()
    assert loss.item() == pytest.approx(2.0**52) and (head.grad == 0).all()


def test_descending_drives_heads_apart_and_bfloat16_is_finite() -> None:
    heads = torch.rand(2, 1, 3, 4, 4).requires_grad_()
    before = (heads[0] - heads[1]).square().mean().item()
    optimiser = torch.optim.SGD([heads], lr=0.1)
    for _ in range(20):
        optimiser.zero_grad()
        AttentionDiversityLoss()(heads.unbind(0)).backward()
        optimiser.step()
    assert (heads[0] - heads[1]).square().mean().item() > 1.5 * before
    half = AttentionDiversityLoss()(heads.bfloat16().unbind(0))
    assert half.dtype == torch.float32 and half.isfinite()
