"""Balanced teacher: its losses by hand, and that no class can take over."""

from __future__ import annotations

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods import create_method
from ferda.methods.base import Method

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
LABELS = torch.tensor([0, 0, 0, 0, 1, 2])


def method_of(**settings: object) -> Method:
    torch.manual_seed(0)
    return create_method("balanced_teacher", classes=3, **SMALL, **settings).train()


def batch(labels: torch.Tensor = LABELS) -> DomainBatch:
    torch.manual_seed(1)
    images = torch.rand(14, 3, 32, 32)
    return DomainBatch((Labelled(images[:6], labels),), Unlabelled(images[6:10], strong_images=images[10:]))


def test_the_losses_are_those_of_the_formula() -> None:
    given, settings = batch(), {"prior_strength": 0.7, "pseudo_weight": 0.6, "debiasing": 0.4}
    method = method_of(**settings, temperature=0.25, confusion_weight=0.0)
    assert given.target is not None and given.target.strong_images is not None
    with torch.no_grad():
        seen = method.network(given.sources[0].images).logits.double()
        strong = method.network(given.target.strong_images).logits.double()
        weak = method.network(given.target.images).logits.double()  # of which the teacher is still a copy
    found = method.losses(given, Progress(step=0, steps=9))
    prior = torch.tensor([5, 2, 2]).double() / 9
    task = sum(
        -float((row + 0.7 * prior.log()).log_softmax(0)[label])
        for row, label in zip(seen, LABELS, strict=True)
    )
    assert found["task"].item() == pytest.approx(task / 6, rel=1e-4)
    mean = 0.99 / 3 + 0.01 * weak.softmax(1).mean(0)
    pseudo = 0.0
    for row, taught in zip(strong, weak - 0.4 * mean.log(), strict=True):
        labels = (4 * taught).softmax(0)
        pseudo -= float(taught.softmax(0).max() * (labels * row.log_softmax(0)).sum())
    assert found["pseudo"].item() == pytest.approx(0.6 * pseudo / 4, rel=1e-4)
    assert found["confusion"].item() == 0


def test_soft_labels_give_the_prior_too() -> None:
    shares = torch.nn.functional.one_hot(LABELS, 3).float()
    hard, soft = (method_of().losses(batch(labels), Progress())["task"] for labels in (LABELS, shares))
    assert hard.item() == pytest.approx(soft.item(), rel=1e-6)


@pytest.mark.parametrize(("debiasing", "is_balanced"), [(0.0, False), (1.0, True)])
def test_what_is_answered_to_everything_ends_up_as_no_label(debiasing: float, is_balanced: bool) -> None:
    method, given = method_of(debiasing=debiasing, confusion_weight=0.0), batch()
    with torch.no_grad():
        for network in (method.network, method.teacher.network):
            network.head.bias.copy_(torch.tensor([3.0, 0.0, 0.0]))
    method.taught.decay = 0.5
    for step in range(8):  # nothing is trained, so the mean answer settles
        method.losses(given, Progress(step=step, steps=8))
    assert given.target is not None
    labels = method.taught.debiased(method.teacher(given.target.images).logits, debiasing).softmax(1)
    assert (float(labels[:, 0].mean()) < 0.5) == is_balanced


def test_nothing_of_the_teaching_is_kept() -> None:
    kept = {name.split(".")[0] for name in method_of().kept().state_dict()}
    assert kept == {"network"}
