"""DANN and its options."""

from __future__ import annotations

import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.class_confusion import ClassConfusionLoss
from ferda.methods import create_method

BATCH = DomainBatch(
    (Labelled(torch.rand(6, 3, 32, 32), torch.tensor([0, 1, 2, 0, 1, 2])),),
    Unlabelled(torch.rand(4, 3, 32, 32)),
)
SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}


def test_class_confusion_is_of_the_target_alone_and_off_by_default() -> None:
    method = create_method("cdan", classes=3, confusion_weight=0.5, **SMALL)
    losses = method.losses(BATCH, Progress(step=1, steps=2))
    torch.manual_seed(0)
    _, target = method.together(BATCH)
    assert torch.allclose(losses["confusion"], 0.5 * ClassConfusionLoss()(target.logits), atol=1e-5)
    plain = create_method("cdan", classes=3, **SMALL)
    assert set(plain.losses(BATCH, Progress())) == {"task", "domain"}


def test_the_reversal_keeps_the_critic_from_the_features_at_the_start() -> None:
    method = create_method("dann", classes=3, **SMALL)
    method.losses(BATCH, Progress(step=0, steps=10))["domain"].backward()
    assert all(not weight.grad.any() for weight in method.network.backbone.parameters())
    assert any(weight.grad.any() for weight in method.critic.parameters())
