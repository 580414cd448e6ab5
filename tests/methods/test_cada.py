"""CADA: each domain through its own batch norm, in training and in use."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.layers.grl import reversal_coefficient
from ferda.losses.conditional import ConditionalAdversarialLoss
from ferda.methods.cada import CADA, CADAConfig

SMALL = {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1, "shares_local_trunk": False}
ADAPT = Progress(step=500, steps=1000, stage="adapt")


def cada(**settings: object) -> CADA:
    torch.manual_seed(0)
    config = CADAConfig(
        backbone="ir_small", backbone_options=SMALL, part_width=8, critic_hidden=16, **settings
    )
    method = CADA(config, classes=4).eval()
    for shift, norm in ((1.0, method.source_norm), (-1.0, method.target_norm)):
        norm.running_mean.fill_(shift)
    return method


def batch(n: int = 5, m: int = 3) -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(n + m, 3, 48, 48, generator=generator)
    points = 48 * torch.rand(n + m, 5, 2, generator=generator)
    source = Labelled(images[:n], torch.arange(n) % 4, points[:n])
    return DomainBatch((source,), Unlabelled(images[n:], points[n:]))


def features(method: CADA, rows: Labelled | Unlabelled, shift: float) -> torch.Tensor:
    """Through batch norm by hand: mean `shift`, variance 1, and nothing learned yet."""
    return (method.features(rows.images, rows.landmarks).flatten(1) - shift) / (1 + 1e-5) ** 0.5


@pytest.mark.parametrize("reversal", ["step", "fraction"])
def test_losses_equal_the_formula(reversal: str) -> None:
    method, given = cada(adversarial_weight=0.5, reversal=reversal, reversal_steps=2000), batch()
    assert given.target is not None
    g_s, g_t = features(method, given.sources[0], 1.0), features(method, given.target, -1.0)
    labels = given.sources[0].labels
    task = functional.cross_entropy(method.head(g_s), labels)
    task = task + functional.cross_entropy(method.local_head(g_s[:, 8:]), labels)
    strength = reversal_coefficient(0.25 if reversal == "step" else 0.5)
    domain = ConditionalAdversarialLoss()(
        method.critics, (g_s, method.head(g_s)), (g_t, method.head(g_t)), strength
    )
    found = method.losses(given, ADAPT)
    torch.testing.assert_close(found["task"], task)
    torch.testing.assert_close(found["adversarial"], 0.5 * domain)
    weight = method.features.global_output[0].weight
    expected, gradient = (
        torch.autograd.grad(loss, weight)[0] for loss in (0.5 * domain, found["adversarial"])
    )
    torch.testing.assert_close(gradient, expected)
    alone = method.losses(DomainBatch(given.sources), Progress(stage="source"))
    assert set(alone) == {"task"}
    torch.testing.assert_close(alone["task"], task)


def test_faces_are_answered_as_the_source_s_until_adaptation_begins() -> None:
    method, rows = cada(), batch().sources[0]
    for stage, shift in (("source", 1.0), ("adapt", -1.0)):
        method.begin_epoch(None, Progress(stage=stage))
        torch.testing.assert_close(
            method(rows.images, rows.landmarks).logits, method.head(features(method, rows, shift))
        )
