from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from ferda.batch import DomainBatch, Labelled, Progress
from ferda.errors import UserError
from ferda.methods.ddamfn import DDAMFN, DDAMFNConfig
from ferda.upstream import load_upstream

SIZE, CLASSES = 32, 3
NETWORK = {
    "backbone": "mixed_feature_small",
    "backbone_options": {"widths": [8, 8, 12, 12], "units": [0, 0, 0]},
}


def make(**settings: Any) -> DDAMFN:
    torch.manual_seed(0)
    return DDAMFN(DDAMFNConfig(**{"size": SIZE, **NETWORK, **settings}), CLASSES)


def rows(count: int, seed: int = 0) -> Labelled:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, SIZE, SIZE, generator=generator)
    return Labelled(images, torch.randint(CLASSES, (count,), generator=generator))


def test_the_losses_are_those_of_the_formula() -> None:
    method, batch = make(heads=3).eval(), DomainBatch((rows(4), rows(3, 1)))
    losses = method.losses(batch, Progress())
    x = method.trunk(batch.pooled.images)
    h = [head(x) for head in method.heads]
    attended = x * torch.maximum(torch.maximum(h[0], h[1]), h[2])
    logits = method.head(method.pooling(attended))
    torch.testing.assert_close(losses["task"], F.cross_entropy(logits, batch.pooled.labels))
    apart = sum(F.mse_loss(h[i], h[j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    torch.testing.assert_close(losses["diversity"], 0.1 * 3 / apart)


def test_one_head_has_no_diversity() -> None:
    assert set(make(heads=1).losses(DomainBatch((rows(4),)), Progress())) == {"task"}


def test_the_diversity_reaches_heads_and_backbone_but_not_the_classifier() -> None:
    method = make()
    method.losses(DomainBatch((rows(4),)), Progress())["diversity"].backward()
    moved = {name.split(".")[0] for name, weight in method.named_parameters() if weight.grad is not None}
    assert moved == {"trunk", "heads"}


def test_views_are_maps_and_the_backbone_has_its_rate() -> None:
    method = make(backbone_rate=0.1).eval()
    views = method(rows(2).images).views
    assert {name: view.shape for name, view in views.items()} == {
        "attention_head_1": (2, 2, 2),
        "attention_head_2": (2, 2, 2),
    }
    assert [group.rate for group in method.parameter_groups("adapt")] == [0.1]


def test_pictures_of_another_size_are_refused() -> None:
    with pytest.raises(UserError, match=r"method\.size"):
        make()(torch.zeros(1, 3, 48, 48))


def test_any_backbone_with_a_map_will_do() -> None:
    method = make(backbone="small_cnn", backbone_options={"stem": 8, "widths": [16]})
    assert method(rows(2).images).features.shape == (2, 16)


def test_files_of_others_are_refused() -> None:
    with pytest.raises(UserError, match="DDAMFN or OSA"):
        load_upstream("ddamfn", {"fc.weight": torch.zeros(7, 512)})
    with pytest.raises(UserError, match="missing"):
        load_upstream(
            "ddamfn",
            {
                "fc.weight": torch.zeros(7, 512),
                "fc.bias": torch.zeros(7),
                "features.0.bn.bias": torch.zeros(64),
            },
        )
