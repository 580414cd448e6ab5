"""Diversified ESR: its two terms, which branches they compare, and who moves."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.methods.diversified_esr import DiversifiedESR, DiversifiedESRConfig
from ferda.methods.esr import ESR, ESRConfig

TINY: dict[str, Any] = {"branches": 3, "base": (4, 6, "pool"), "branch": (8, "pool", 8)}
WIDE: dict[str, Any] = {"diversity_gamma": 1.0, "diversity_distance": "mean"}


def tiny(**settings: Any) -> DiversifiedESR:
    torch.manual_seed(0)
    return DiversifiedESR(DiversifiedESRConfig(**{**TINY, **WIDE, **settings}), classes=3)


def some_batch() -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    return DomainBatch((Labelled(torch.randn(6, 3, 32, 32, generator=generator), torch.arange(6) % 3),))


def minus_determinant(sets: torch.Tensor, gamma: float) -> torch.Tensor:
    rows = sets.flatten(2).double()
    kernel = [[torch.exp(-gamma * (a - b).pow(2).mean(1)).mean() for a in rows] for b in rows]
    return -torch.linalg.det(torch.stack([torch.stack(row) for row in kernel])).float()


def grown(method: DiversifiedESR, stage: str) -> set[str]:
    """Parts that a gradient reaches in a stage."""
    sum(method.train().losses(some_batch(), Progress(stage=stage)).values()).backward()
    reached = {name for name, weight in method.named_parameters() if weight.grad is not None}
    return {".".join(name.split(".")[1:3]) if "branches" in name else "base" for name in reached}


def test_terms_are_the_two_determinants() -> None:
    method = tiny(spatial_weight=2.0, channel_weight=0.5).train()
    given = some_batch()
    answers = method.network.answers(given.pooled.images, range(3))
    losses = method.losses(given, Progress(stage="branch_3"))
    assert_close(losses["task"], method.task_loss(answers, given.pooled))
    spatial, channel = (
        torch.stack([getattr(a.attention, kind) for a in answers]) for kind in ("spatial", "channel")
    )
    assert spatial.shape[:2] == channel.shape[:2] == (3, 6) and channel.shape[2] == 8
    assert_close(losses["spatial"], 2 * minus_determinant(spatial, 1.0))
    assert_close(losses["channel"], 0.5 * minus_determinant(channel, 1.0))


def test_one_branch_alone_has_nothing_to_differ_from() -> None:
    assert [*tiny().losses(some_batch(), Progress(stage="branch_1"))] == ["task"]
    assert [*tiny(channel_weight=0).losses(some_batch(), Progress(stage="branch_2"))] == ["task", "spatial"]


@pytest.mark.parametrize(
    ("settings", "stage", "expected"),
    [
        ({}, "branch_2", {"base", "branches.0", "branches.1"}),
        ({"older_rate": 0}, "branch_2", {"branches.1"}),
        ({"diversity_over": "all"}, "branch_1", {"base", "branches.0", "branches.1", "branches.2"}),
        ({"diversity_over": "all", "older_rate": 0}, "branch_1", {"base", "branches.0"}),
    ],
)
def test_who_learns(settings: dict[str, Any], stage: str, expected: set[str]) -> None:
    assert grown(tiny(**settings), stage) == expected


def test_over_all_branches_later_ones_are_told_apart_but_not_taught() -> None:
    method = tiny(diversity_over="all")
    grown(method, "branch_1")
    later = method.network.branches[2]
    assert later.head.weight.grad is None and later.blocks[0].conv.weight.grad.any()
    groups = {group.name: group for group in method.parameter_groups("branch_2")}
    assert groups["older"].modules == ("network.branches.0", "network.branches.2")
    assert groups["older"].rate == groups["base"].rate == 0.1


def test_frozen_branches_count_in_the_terms() -> None:
    frozen, free = tiny(older_rate=0).eval(), tiny().eval()
    losses = frozen.losses(some_batch(), Progress(stage="branch_3"))
    assert_close(losses["spatial"], free.losses(some_batch(), Progress(stage="branch_3"))["spatial"])
    assert losses["task"] < free.losses(some_batch(), Progress(stage="branch_3"))["task"]


def test_affect_is_learned_as_in_esr() -> None:
    method = tiny(learns="affect")
    rows = some_batch().pooled
    given = DomainBatch((Labelled(rows.images, rows.labels, affect=torch.rand(6, 2)),))
    assert [*method.losses(given, Progress(stage="affect_2"))] == ["affect"]
    assert [g.modules for g in method.parameter_groups("affect_2")][2] == ("network.branches.1.affect",)


def test_its_network_is_that_of_esr_with_attention() -> None:
    names = {*tiny().state_dict()}
    plain = {*ESR(ESRConfig(**TINY), classes=3).state_dict()}
    assert plain < names and all(".attention." in name for name in names - plain)


def test_a_term_that_teaches_nothing_is_told_of_after_the_epoch(caplog: pytest.LogCaptureFixture) -> None:
    method = tiny(diversity_gamma=1e9)
    progress = Progress(stage="branch_2")
    with caplog.at_level(logging.INFO, logger="ferda"):
        method.begin_epoch(None, progress)
        assert not caplog.records
        method.losses(some_batch(), progress)
        method.begin_epoch(None, progress)
    assert method.network.voters == 2
    assert sum("teaches nothing" in record.message for record in caplog.records) == 2
