"""DFA: which way each of its kernels pulls."""

from __future__ import annotations

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.losses.discriminative_kernel import likeness
from ferda.losses.heads import head_cross_entropy
from ferda.methods import create_method

SMALL = {"widths": [8, 16, 16, 24], "units": [1, 1, 1, 1], "local_units": 1, "shares_local_trunk": False}


@pytest.mark.parametrize(("signs", "sign"), [("intended", 1), ("upstream", -1)])
def test_losses_equal_the_formula(signs: str, sign: int) -> None:
    torch.manual_seed(0)
    method = create_method(
        "dfa",
        classes=3,
        backbone="ir_small",
        backbone_options=SMALL,
        part_width=8,
        mean_weight=0.5,
        kernel="laplacian",
        kernel_width=2.0,
        signs=signs,
    ).eval()
    images, points = torch.randn(9, 3, 48, 48), 48 * torch.rand(9, 5, 2)
    labels = torch.tensor([0, 0, 1, 1, 2])
    given = DomainBatch((Labelled(images[:5], labels, points[:5]),), Unlabelled(images[5:], points[5:]))
    answer = method(images, points)
    alike = likeness(answer.features[:5], answer.features[5:], labels, 3, "laplacian", 2.0)
    logits = torch.stack([answer.logits, answer.views["local"]])[:, :5]
    expected = {
        "task": head_cross_entropy(logits, labels).sum(),
        "domains": -sign * 0.5 * alike.domains,
        "within": -sign * alike.within / 10,
        "between": sign * alike.between / 10,
    }
    found = method.losses(given, Progress())
    assert set(found) == set(expected)
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)
