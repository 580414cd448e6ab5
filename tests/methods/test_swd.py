"""SWD: what each of a step's updates minimises, on the global-local network."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.sliced_wasserstein import SlicedWassersteinLoss
from ferda.methods import create_method
from ferda.methods.base import Method

SMALL = {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1, "shares_local_trunk": False}


def swd(**settings: object) -> Method:
    torch.manual_seed(0)
    return create_method(
        "swd", classes=4, backbone="ir_small", backbone_options=SMALL, part_width=8, **settings
    )


def batch(n: int = 5, m: int = 3) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(n + m, 3, 48, 48, generator=generator)
    points = 48 * torch.rand(n + m, 5, 2, generator=generator)
    source = Labelled(images[:n], torch.arange(n) % 4, points[:n])
    return DomainBatch((source,), Unlabelled(images[n:], points[n:]))


def test_losses_equal_the_formula() -> None:
    method, given = swd(discrepancy_weight=2.0).eval(), batch()
    assert given.target is not None
    source = given.sources[0]
    seen, unseen = (
        torch.stack([head(method.features(rows.images, rows.landmarks).flatten(1)) for head in method.heads])
        for rows in (source, given.target)
    )
    task = sum(functional.cross_entropy(z, source.labels).item() for z in seen)
    torch.manual_seed(3)
    d = 2 * SlicedWassersteinLoss(128)(unseen).item()
    found = {}
    for update in method.updates("adapt"):
        torch.manual_seed(3)
        losses = method.losses(given, Progress().at(update.name))
        found[update.name, update.trains] = {name: loss.item() for name, loss in losses.items()}
    assert found["task", ()] == pytest.approx({"task": task}, rel=1e-5)
    assert found["disagree", ("heads",)] == pytest.approx({"task": task, "disagreement": -d}, rel=1e-4)
    assert found["agree_1", ("features",)] == pytest.approx({"discrepancy": d}, rel=1e-4)
    assert len(found) == 3


def test_the_first_head_decides() -> None:
    method, given = swd().eval(), batch()
    images, points = given.sources[0].images, given.sources[0].landmarks
    output = method(images, points)
    features = method.features(images, points).flatten(1)
    torch.testing.assert_close(output.logits, method.heads[0](features))
    assert not torch.allclose(output.views["head_2"], output.logits)
