"""BNM: the norm of the target's predictions alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods.bnm import BNM

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}
SHOWN = torch.rand(9, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def make(**settings: Any) -> BNM:
    torch.manual_seed(0)
    return BNM(BNM.Config(**(SMALL | settings)), 3).eval()


def batch(brightness: float = 1.0) -> DomainBatch:
    return DomainBatch((Labelled(brightness * SHOWN[:4], torch.arange(4) % 3),), Unlabelled(SHOWN[4:]))


@pytest.mark.parametrize(("mean", "divisor"), [("rows", 5), ("singular_values", 3)])
def test_the_loss_is_the_papers_or_the_authors_codes(mean: str, divisor: int) -> None:
    method = make(mean=mean, norm_weight=0.7)
    with torch.no_grad():
        p = method(SHOWN[4:]).logits.double().softmax(1).numpy()
    expected = -0.7 * np.linalg.norm(p, "nuc") / divisor
    assert method.losses(batch(), Progress())["nuclear_norm"].item() == pytest.approx(expected, rel=1e-5)


def test_the_source_has_no_part_in_it() -> None:
    method = make()
    first, second = (method.losses(batch(shift), Progress()) for shift in (1, 5))
    assert first["nuclear_norm"].item() == pytest.approx(second["nuclear_norm"].item(), rel=1e-6)
    assert first["task"].item() != pytest.approx(second["task"].item(), rel=1e-3)
