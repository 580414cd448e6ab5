from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from ferda.batch import DomainBatch, Labelled, Output, Progress, Unlabelled
from ferda.errors import UserError
from ferda.methods.osa import OSA, OSAConfig
from ferda.upstream import load_upstream

SIZE, CLASSES = 32, 3
NETWORK = {
    "backbone": "mixed_feature_small",
    "backbone_options": {"widths": [8, 8, 12, 12], "units": [0, 0, 0]},
}
LATE = Progress(epoch=29, epochs=60)


def make(**settings: Any) -> OSA:
    torch.manual_seed(0)
    return OSA(OSAConfig(**{"size": SIZE, "critic_hidden": 8, **NETWORK, **settings}), CLASSES)


def batch(source: int = 6, target: int = 5) -> DomainBatch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(source + target, 3, SIZE, SIZE, generator=generator)
    labels = torch.randint(CLASSES, (source,), generator=generator)
    return DomainBatch((Labelled(images[:source], labels),), Unlabelled(images[source:]))


@pytest.mark.parametrize("order", ["row_first", "xy"])
def test_an_answer_does_not_depend_on_the_batch(order: Any) -> None:
    method = make(grid_order=order)
    images = batch().pooled.images
    for norm in method.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.momentum = 1.0
    method(images)  # until batch norm has seen a batch, a fresh network answers every face alike
    method.eval()
    together, alone = method(images), method(images[2:3])
    torch.testing.assert_close(together.logits[2:3], alone.logits)
    method.attention.layout = "upstream_mixed"
    mixed = method(images)
    assert (mixed.logits[2:3] - alone.logits).abs().max() > 1e-4


def test_domains_pass_apart() -> None:
    """Batch norm sees the source first and the target second, each by itself."""
    method, given = make(), batch()
    seen: list[int] = []
    method.trunk.register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    method.losses(given, LATE)
    assert seen == [6, 5]


def test_the_entropy_begins_in_the_middle() -> None:
    method, given = make(conditional_weight=0.5), batch()
    early = {"task", "information"}
    assert set(method.losses(given, replace(LATE, epoch=28))) == early
    assert set(method.losses(given, LATE)) == early | {"entropy", "conditional"}
    fixed = make(entropy_from=3)
    assert set(fixed.losses(given, Progress(epoch=1, epochs=60))) == early
    assert set(fixed.losses(given, Progress(epoch=2, epochs=60))) == early | {"entropy"}


def test_the_losses_are_weighted() -> None:
    given = batch()
    plain, weighted = make().eval(), make(lam1=0.5, lam2=0.3).eval()
    torch.manual_seed(1)
    one = plain.losses(given, LATE)
    torch.manual_seed(1)
    other = weighted.losses(given, LATE)
    torch.testing.assert_close(other["task"], one["task"])
    torch.testing.assert_close(other["information"], 0.5 * one["information"])
    torch.testing.assert_close(other["entropy"], 0.3 * one["entropy"])
    squared = make(lam2=0.3, lam2_squared=True).eval().losses(given, LATE)
    torch.testing.assert_close(squared["entropy"], 0.09 * one["entropy"])


def test_without_weights_it_is_source_only() -> None:
    method, given = make(lam1=0, lam2=0), batch()
    sum(method.losses(given, LATE).values()).backward()
    found = method.head.weight.grad.clone()
    plain = make()
    F.cross_entropy(plain(given.pooled.images).logits, given.pooled.labels).backward()
    torch.testing.assert_close(found, plain.head.weight.grad)


def test_only_believed_faces_of_the_target_are_paired() -> None:
    method = make(confidence=0.9)
    logits = torch.tensor([[9.0, 0, 0], [0, 1, 0.5], [0, 0, 9]])
    source = Output(torch.zeros(3, CLASSES), torch.randn(3, 12, requires_grad=True))
    target = Output(logits, torch.randn(3, 12, requires_grad=True))
    labels = torch.tensor([0, 1, 2])
    method.alignment(source, target, labels, Progress(epochs=60))["information"].backward()
    for features in (source.features, target.features):
        assert (features.grad.abs().sum(1) > 0).tolist() == [True, False, True]


def test_nothing_in_common_is_no_error() -> None:
    source = Output(torch.zeros(2, CLASSES), torch.randn(2, 12))
    target = Output(torch.tensor([[0, 5.0, 0]]), torch.randn(1, 12))
    losses = make().alignment(source, target, torch.tensor([0, 2]), Progress(epochs=60))
    assert losses["information"] == 0


def test_views_are_maps() -> None:
    views = make().eval()(batch().pooled.images).views
    assert {name: view.shape for name, view in views.items()} == {
        f"attention_axes_{d}": (6, 2, 2) for d in range(1, 5)
    }


def test_files_of_others_are_refused() -> None:
    with pytest.raises(UserError, match="DDAMFN or OSA"):
        load_upstream("osa", {"fc.weight": torch.zeros(7, 512)})
    with pytest.raises(UserError, match="lacks"):
        load_upstream(
            "osa",
            {
                "fc.weight": torch.zeros(7, 512),
                "fc.bias": torch.zeros(7),
                "features.0.bn.bias": torch.zeros(64),
            },
        )


@pytest.mark.parametrize("confidence", [0.0, 0.36, 0.999])
def test_classes_in_common_are_noted(confidence: float) -> None:
    method, given = make(confidence=confidence), batch(target=9)
    assert given.target is not None
    with torch.no_grad():
        said = method(given.target.images).probabilities
    believed = {int(row.argmax()) for row in said if row.max() >= confidence}
    losses = method.losses(given, LATE)
    assert "shared_classes" not in losses
    shared = believed & set(given.pooled.labels.tolist())
    assert method.noted["shared_classes"].item() == len(shared)
    assert (losses["information"] == 0) == (not shared)
