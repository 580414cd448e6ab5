"""SAFN: what grows, how much, and that the benchmark's form looks at no target."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods.safn import SAFN

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
SHOWN = torch.rand(7, 3, 32, 32, generator=torch.Generator().manual_seed(1))
SOURCE = Labelled(SHOWN[:4], torch.arange(4) % 3)
BATCH = DomainBatch((SOURCE,), Unlabelled(SHOWN[4:]))


def make(**settings: Any) -> SAFN:
    torch.manual_seed(0)
    return SAFN(SAFN.Config(**(SMALL | settings)), 3).eval()


def slopes(method: SAFN, given: DomainBatch) -> torch.Tensor:
    """The gradient of the loss of lengths at the features of all rows, as they pass the network."""
    seen: list[torch.Tensor] = []
    method.network.backbone.register_forward_hook(lambda _, __, out: seen.append(out))
    loss = method.losses(given, Progress())["norm"]
    return torch.cat(torch.autograd.grad(loss, seen))


def lengths(method: SAFN) -> list[float]:
    with torch.no_grad():
        return [float(row.double().square().sum().sqrt()) for row in method(SHOWN).features]


def test_every_feature_of_both_domains_is_pulled_along_itself() -> None:
    method = make(step=0.5)
    found = slopes(method, BATCH)
    with torch.no_grad():
        features = method(SHOWN).features
    # d/df of (||f|| - const)^2 is 2 (||f|| - const) f / ||f||, with ||f|| - const = -0.5
    expected = 0.05 / 7 * 2 * -0.5 * features / features.norm(dim=1, keepdim=True)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-7)
    assert method.losses(BATCH, Progress())["norm"].item() == pytest.approx(0.05 * 0.5**2)


def test_the_paper_steps_by_one() -> None:
    assert make().losses(BATCH, Progress())["norm"].item() == pytest.approx(0.05)


def test_hard_has_one_radius_for_both_means() -> None:
    method = make(kind="hard", radius=3.0)
    found = lengths(method)
    expected = 0.05 * ((sum(found[:4]) / 4 - 3) ** 2 + (sum(found[4:]) / 3 - 3) ** 2)
    assert method.losses(BATCH, Progress())["norm"].item() == pytest.approx(expected, rel=1e-4)
    assert make(kind="hard").hard.radius == 25


def test_the_benchmarks_form_sees_the_source_alone() -> None:
    method = make(kind="cdfer")
    assert not method.uses_target("adapt") and make().uses_target("adapt")
    found = slopes(method, DomainBatch((SOURCE,)))
    assert found.shape[0] == 4
    assert method.losses(DomainBatch((SOURCE,)), Progress())["norm"].item() == pytest.approx(
        0.05 * 1e-6, rel=0.02
    )
    torch.testing.assert_close(found.norm(dim=1), torch.full((4,), 0.05 / 4 * 2 * 0.001), rtol=0.02, atol=0)
    assert slopes(method, BATCH).shape[0] == 4
