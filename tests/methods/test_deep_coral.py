"""Deep CORAL: the covariances of the layer that is named."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.coral import CoralLoss
from ferda.methods.deep_coral import DeepCoral

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
SHOWN = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(1))
BATCH = DomainBatch((Labelled(SHOWN, torch.arange(5) % 3),), Unlabelled(3 * SHOWN[:4]))


def make(**settings: Any) -> DeepCoral:
    torch.manual_seed(0)
    return DeepCoral(DeepCoral.Config(**(SMALL | settings)), 3).eval()


@pytest.mark.parametrize("layer", ["logits", "features"])
def test_the_loss_is_the_papers(layer: str) -> None:
    method = make(layer=layer, coral_weight=0.7)
    rows = [getattr(part, layer).double() for part in method.together(BATCH)]
    between = torch.cov(rows[0].T) - torch.cov(rows[1].T)
    expected = 0.7 * float(between.detach().square().sum()) / (4 * rows[0].shape[1] ** 2)
    assert expected > 0
    assert method.losses(BATCH, Progress())["coral"].item() == pytest.approx(expected, rel=1e-4)


def test_the_paper_aligns_logits() -> None:
    assert make().config.layer == "logits"
    method = make()
    method.losses(BATCH, Progress())["coral"].backward()
    assert method.network.head.weight.grad.any()
    assert method.network.head.bias.grad.abs().max() < 1e-6 * method.network.head.weight.grad.abs().max()


def test_the_same_faces_in_both_domains_are_at_no_distance() -> None:
    given = DomainBatch(BATCH.sources, Unlabelled(SHOWN.flip(0)))
    assert make().losses(given, Progress())["coral"].item() == pytest.approx(0, abs=1e-9)


def test_another_definition_is_an_option() -> None:
    method = make(definition="upstream_easezyc", layer="features")
    source, target = method.together(BATCH)
    expected = CoralLoss("upstream_easezyc")(source.features, target.features)
    torch.testing.assert_close(method.losses(BATCH, Progress())["coral"], expected)
