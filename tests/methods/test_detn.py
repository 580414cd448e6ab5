"""DETN and ECAN: what the target's guessed classes weigh, and what joins the domains."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.class_kernel import ConditionalMMDLoss, ReweightedMMDLoss
from ferda.losses.heads import head_cross_entropy
from ferda.methods import create_method
from ferda.methods.detn import DETN
from ferda.methods.ecan import ECAN

SMALL = {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1, "shares_local_trunk": False}
ADAPT = Progress(steps=9, stage="adapt")


def make(name: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    return create_method(
        name, classes=3, backbone="ir_small", backbone_options=SMALL, part_width=8, **settings
    ).eval()


def batch() -> DomainBatch:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(11, 3, 48, 48, generator=generator)
    points = 48 * torch.rand(11, 5, 2, generator=generator)
    source = Labelled(images[:6], torch.tensor([0, 0, 1, 1, 1, 2]), points[:6])
    return DomainBatch((source,), Unlabelled(images[6:], points[6:], torch.tensor([5, 0, 3, 1, 2])))


class Target:
    """Six pictures, in two batches; counts how often they are looked at."""

    looks = 0

    def __len__(self) -> int:
        return 6

    def batches(self) -> Iterator[Unlabelled]:
        self.looks += 1
        generator = torch.Generator().manual_seed(4)
        for _ in range(2):
            yield Unlabelled(2 * torch.randn(3, 3, 48, 48, generator=generator))


@pytest.mark.parametrize("form", [{}, {"kernel": "laplacian", "kernel_width": 2.0, "pairs": "once"}])
def test_detn_adds_the_reweighted_discrepancy(form: dict[str, Any]) -> None:
    method, given = make("detn", mmd_weight=0.5, **form), batch()
    assert given.target is not None
    method.remember(torch.tensor([0, 1, 1, 2, 2, 2]))
    source = given.sources[0]
    seen, unseen = (
        method(source.images, source.landmarks),
        method(given.target.images, given.target.landmarks),
    )
    shares = {0: (1 / 6) / (2 / 6), 1: (2 / 6) / (3 / 6), 2: (3 / 6) / (1 / 6)}
    a = torch.tensor([shares[label] for label in source.labels.tolist()])
    loss = ReweightedMMDLoss(form.get("kernel", "gaussian"), form.get("kernel_width", 1.0), bool(form))
    found = method.losses(given, ADAPT)
    task = head_cross_entropy(torch.stack([seen.logits, seen.views["local"]]), source.labels).sum()
    torch.testing.assert_close(found["task"], task)
    torch.testing.assert_close(
        found["mmd"], 0.5 * loss(seen.features, unseen.features, a), rtol=1e-4, atol=1e-6
    )
    assert set(found) == {"task", "mmd"}
    assert set(method.losses(DomainBatch(given.sources), Progress(stage="source"))) == {"task"}


@pytest.mark.parametrize("between", ["drawn", "driven"])
def test_ecan_adds_the_classes_discrepancies_by_the_guesses_of_each_row(between: str) -> None:
    method, given = make("ecan", conditional_weight=0.5, between=between), batch()
    assert given.target is not None
    method.remember(torch.tensor([0, 1, 1, 2, 0, 0]))
    guessed = torch.tensor([0, 0, 2, 1, 1])  # of rows 5, 0, 3, 1, 2
    source = given.sources[0]
    seen = method(source.images, source.landmarks).features
    unseen = method(given.target.images, given.target.landmarks).features
    loss = ConditionalMMDLoss(is_repelling=between == "driven")
    found = method.losses(given, ADAPT)
    expected = 0.5 * loss(seen, unseen, source.labels, guessed, 3)
    torch.testing.assert_close(found["conditional"], expected, rtol=1e-4, atol=1e-6)
    assert set(found) == {"task", "mmd", "conditional"}


@pytest.mark.parametrize("kind", [DETN, ECAN])
def test_the_target_is_guessed_at_the_start_and_every_twentieth_epoch(kind: type[DETN]) -> None:
    method, target = make(kind.__name__.lower()).train(), Target()
    method.begin_epoch(None, Progress(stage="source"))
    for epoch in (0, 1, 19, 20):
        method.begin_epoch(target, Progress(epoch=epoch, epochs=40, stage="adapt"))
    assert target.looks == 2 and method.training
    with torch.no_grad():
        rows = torch.cat([batch.images for batch in target.batches()])
        labels = method.eval()(rows).logits.argmax(1)
    assert torch.equal(method.shares.target, torch.bincount(labels, minlength=3).float())
    if isinstance(method, ECAN):
        assert torch.equal(method.guesses.get_buffer("labels"), labels)
        # guesses about somebody's faces are no part of a model that is handed on
        assert not any("guesses" in name for name in method.kept().state_dict())
