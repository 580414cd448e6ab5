"""M3SDA: a head for every source, moments of all, and the further updates of the form with two heads."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods.m3sda import M3SDA

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
CLASSES = 3


def make(sources: int = 3, **settings: Any) -> M3SDA:
    torch.manual_seed(0)
    return M3SDA(M3SDA.Config(**(SMALL | settings)), CLASSES, sources).eval()


def source(seed: int, rows: int = 5) -> Labelled:
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(rows, 3, 32, 32, generator=generator) + 0.3 * seed
    return Labelled(images, torch.arange(rows) % CLASSES)


SOURCES = tuple(source(seed, 4 + seed) for seed in range(3))
TARGET = Unlabelled(torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(9)))
BATCH = DomainBatch(SOURCES, TARGET)


def moment(method: M3SDA, images: Tensor, power: int) -> Tensor:
    with torch.no_grad():
        return (method.backbone(images).double() ** power).mean(0)


def test_the_losses_are_the_papers() -> None:
    method = make(moment_weight=0.7)
    found = method.losses(BATCH, Progress())
    task = sum(
        functional.cross_entropy(method(rows.images).views[f"head_{j}"], rows.labels)
        for j, rows in enumerate(SOURCES, start=1)
    )
    assert found["task"].item() == pytest.approx(float(task.detach()), rel=1e-5)
    expected = 0.0
    for power in (1, 2):
        s = [moment(method, rows.images, power) for rows in SOURCES]
        t = moment(method, TARGET.images, power)
        expected += sum(float((own - t).norm()) for own in s) / 3
        expected += sum(float((s[i] - s[j]).norm()) for i, j in ((0, 1), (0, 2), (1, 2))) / 3
    assert found["moments"].item() == pytest.approx(0.7 * expected, rel=1e-4)
    assert [update.name for update in method.updates("adapt")] == ["all"]


def test_equal_domains_have_no_distance() -> None:
    rows = SOURCES[0].images
    given = DomainBatch((SOURCES[0],) * 3, Unlabelled(rows.flip(0)))
    assert make().losses(given, Progress())["moments"].item() == pytest.approx(0, abs=1e-5)


def test_a_source_whose_turn_it_is_teaches_its_own_head() -> None:
    method = make()
    method.losses(DomainBatch(SOURCES[1:2], TARGET, turn=1), Progress())["task"].backward()
    assert [head[0].weight.grad is not None for head in method.heads] == [False, True, False]


@pytest.mark.parametrize("pairs", [False, True])
def test_the_mean_of_all_heads_decides(pairs: bool) -> None:
    method = make(pairs=pairs)
    answer = method(TARGET.images)
    every = [head(answer.features).softmax(1) for own in method.heads for head in own]
    assert len(every) == (6 if pairs else 3)
    torch.testing.assert_close(answer.probabilities, sum(every) / len(every))
    assert set(answer.views) == {"head_1", "head_2", "head_3"}


def test_with_two_heads_further_updates_follow() -> None:
    updates = make(pairs=True).updates("adapt")
    assert [(update.name, update.trains) for update in updates] == [
        ("all", ()),
        ("disagree", ("heads",)),
        *[("agree", ("backbone",))] * 4,
    ]


def apart(method: M3SDA) -> float:
    """The two heads of every source on the target: mean over rows and classes, added up."""
    with torch.no_grad():
        features = method.backbone(TARGET.images)
        p = [[head(features).double().softmax(1) for head in own] for own in method.heads]
    return sum(float((one - two).abs().mean()) for one, two in p)


def test_heads_learn_to_disagree_while_they_stay_right() -> None:
    method = make(pairs=True)
    assert len({float(head.weight.sum()) for own in method.heads for head in own}) == 6
    found = method.losses(BATCH, Progress(update="disagree"))
    assert found["disagreement"].item() == pytest.approx(-apart(method), rel=1e-5)
    whole = method.losses(BATCH, Progress())
    assert found["kept_task"].item() == pytest.approx(whole["task"].item(), rel=1e-6)
    torch.stack([*found.values()]).sum().backward()
    assert all(weight.grad is not None for weight in method.heads.parameters())
    assert all(weight.grad is None for weight in method.backbone.parameters())


def test_the_network_learns_that_they_agree() -> None:
    method = make(pairs=True)
    before = apart(method)
    optimiser = torch.optim.SGD(method.backbone.parameters(), 0.5)
    for _ in range(5):
        optimiser.zero_grad()
        losses = method.losses(BATCH, Progress(update="agree"))
        assert [*losses] == ["discrepancy"]
        losses["discrepancy"].backward()
        optimiser.step()
    assert losses["discrepancy"].item() < before and apart(method) < before


def test_one_source_is_enough() -> None:
    for pairs in (False, True):
        method = make(sources=1, pairs=pairs).train()
        for update in method.updates("adapt"):
            losses = method.losses(DomainBatch(SOURCES[:1], TARGET), Progress(update=update.name))
            assert all(loss.isfinite() for loss in losses.values())
