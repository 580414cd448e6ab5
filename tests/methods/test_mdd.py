"""MDD: its losses, and which way the features are drawn."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.margin_disparity import MarginDisparityLoss
from ferda.methods import create_method
from ferda.methods.base import Method

SMALL = {
    "backbone": "small_cnn",
    "backbone_options": {"stem": 8, "widths": [8, 16]},
    "bottleneck": 12,
    "head_width": 12,
}


def mdd(**settings: object) -> Method:
    torch.manual_seed(0)
    return create_method("mdd", classes=3, **SMALL, dropout=0.0, head_dropout=0.0, **settings).train()


def batch() -> DomainBatch:
    torch.manual_seed(1)
    images = torch.rand(10, 3, 32, 32)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    return DomainBatch((Labelled(images[:6], labels),), Unlabelled(images[6:]))


def parts(method: Method, given: DomainBatch) -> tuple[torch.Tensor, torch.Tensor]:
    features = method.together(given)
    return method.heads[0](features), method.heads[1](features)


def test_losses_are_the_task_and_the_weighted_disparity() -> None:
    method, given = mdd(disparity_weight=0.5, gamma=2.0), batch()
    answers, doubts = parts(method, given)
    losses = method.losses(given, Progress(step=3, steps=9))
    task = functional.cross_entropy(answers[:6], given.sources[0].labels)
    disparity = MarginDisparityLoss(2.0)((answers[:6], doubts[:6]), (answers[6:], doubts[6:]))
    assert losses["task"].item() == pytest.approx(task.item(), rel=1e-5)
    assert losses["disparity"].item() == pytest.approx(0.5 * disparity.item(), rel=1e-5)


@pytest.mark.parametrize("step", [0, 700])
def test_the_adversary_minimises_what_the_features_maximise_by_the_schedule(step: int) -> None:
    given, gradients = batch(), []
    for is_plain in (True, False):
        method = mdd()
        if is_plain:
            answers, doubts = parts(method, given)
            loss = MarginDisparityLoss()((answers[:6], doubts[:6]), (answers[6:], doubts[6:]))
        else:
            loss = method.losses(given, Progress(step=step, steps=9))["disparity"]
        loss.backward()
        gradients.append(
            (method.heads[1][0].weight.grad.clone(), method.features.bottleneck[0].weight.grad.clone())
        )
        # the classifier's answers are no part of it
        assert all(weight.grad is None for weight in method.heads[0].parameters())
    strength = 0.1 * (2 / (1 + math.exp(-step / 1000)) - 1)
    torch.testing.assert_close(gradients[1][0], gradients[0][0])
    torch.testing.assert_close(gradients[1][1], -strength * gradients[0][1])
    assert gradients[0][1].any()
