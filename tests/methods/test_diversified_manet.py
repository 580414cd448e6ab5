"""Diversified MA-Net: its three terms, and what the log says of them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.methods.diversified_manet import DiversifiedMANet, DiversifiedMANetConfig

TINY: dict[str, Any] = {"widths": (4, 8, 8, 16), "units": (1, 1, 1, 1)}


def tiny(**settings: Any) -> DiversifiedMANet:
    return DiversifiedMANet(DiversifiedMANetConfig(**TINY, **settings), classes=3)


def some_batch() -> DomainBatch:
    return DomainBatch((Labelled(torch.randn(6, 3, 48, 48), torch.arange(6) % 3),))


def minus_determinant(sets: torch.Tensor, gamma: float) -> torch.Tensor:
    rows = sets.flatten(2).double()
    count = len(rows)
    kernel = torch.stack(
        [
            torch.exp(-gamma * (rows[i] - rows[j]).pow(2).mean(1)).mean()
            for i in range(count)
            for j in range(count)
        ]
    )
    return -torch.linalg.det(kernel.view(count, count)).float()


def test_terms_are_the_three_determinants() -> None:
    method = tiny(
        diversity_gamma=3.0,
        diversity_distance="mean",
        spatial_weight=1.0,
        channel_weight=2.0,
        global_weight=0.5,
    )
    given = some_batch()
    losses = method.losses(given, Progress())
    found = method.network(given.pooled.images)
    assert_close(losses["task"], method.task_loss(found, given.pooled.labels))
    assert_close(losses["spatial"], minus_determinant(found.quarters.mean(2), 3.0))
    assert_close(losses["channel"], 2 * minus_determinant(found.quarters.mean((3, 4)), 3.0))
    branches = torch.stack([found.local, found.multi_scale])
    assert_close(losses["global"], 0.5 * minus_determinant(branches, 3.0))


def test_a_term_without_weight_is_not_taken() -> None:
    losses = tiny(channel_weight=0.0, global_weight=0.0).losses(some_batch(), Progress())
    assert [*losses] == ["task", "spatial"]


@pytest.mark.parametrize("term", ["spatial", "channel"])
def test_gradients_of_either_local_term_reach_every_tower_and_no_other_branch(term: str) -> None:
    method = tiny(diversity_distance="mean", diversity_gamma=1.0)
    method.losses(some_batch(), Progress())[term].backward()
    for tower in method.network.towers:
        assert any(weight.grad is not None and weight.grad.any() for weight in tower.parameters())
        assert all(weight.grad is None or weight.grad.isfinite().all() for weight in tower.parameters())
    assert all(weight.grad is None for weight in method.network.multi_scale.parameters())


def test_its_network_is_the_older_one_unless_told() -> None:
    assert DiversifiedMANetConfig().second_path == "legacy"
    assert tiny(second_path="reverse").network.multi_scale[0][0].second_path == "reverse"
    assert [*tiny().state_dict()] == [*tiny(diversity_form="logdet", global_weight=0).state_dict()]


def test_a_term_that_teaches_nothing_is_told_of_after_the_epoch(caplog: pytest.LogCaptureFixture) -> None:
    method = tiny(diversity_gamma=1e6)
    with caplog.at_level(logging.INFO, logger="ferda"):
        method.begin_epoch(None, Progress())
        assert not caplog.records
        method.losses(some_batch(), Progress())
        method.begin_epoch(None, Progress(epoch=1, epochs=2))
    assert sum("teaches nothing" in record.getMessage() for record in caplog.records) == 3
