"""What the general methods share: the sources' prior may be taken out of what they learn."""

from __future__ import annotations

import pytest
import torch

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods import create_method
from ferda.methods.base import Method

SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 8, "widths": [8, 16]}}


def method_of(name: str, **settings: object) -> Method:
    torch.manual_seed(0)
    return create_method(name, classes=3, **SMALL, **settings).train()


def batch(labels: list[int]) -> DomainBatch:
    torch.manual_seed(1)
    images = torch.rand(2 * len(labels), 3, 32, 32)
    half = len(labels)
    return DomainBatch((Labelled(images[:half], torch.tensor(labels)),), Unlabelled(images[half:]))


def test_the_prior_of_all_batches_so_far_is_added_while_it_learns() -> None:
    method = method_of("source_only", prior_strength=0.5)
    first, second = batch([0, 0, 0, 1]), batch([0, 2, 0, 1])
    method.losses(first, Progress())
    with torch.no_grad():
        logits = method.network(second.pooled.images).logits.double()
    prior = torch.tensor([6, 3, 2]).double() / 11  # eight rows, and each class once more
    expected = sum(
        -float((row + 0.5 * prior.log()).log_softmax(0)[label])
        for row, label in zip(logits, second.pooled.labels, strict=True)
    )
    assert method.losses(second, Progress())["task"].item() == pytest.approx(expected / 4, rel=1e-5)


@pytest.mark.parametrize("name", ["source_only", "mcc", "dann"])
def test_answers_do_not_have_it_and_weights_files_neither(name: str) -> None:
    plain, adjusted = method_of(name), method_of(name, prior_strength=1.0)
    given = batch([0, 0, 0, 1])
    before = adjusted.losses(given, Progress())["task"]
    assert before.item() != pytest.approx(plain.losses(given, Progress())["task"].item(), rel=1e-4)
    images = given.pooled.images
    plain.eval(), adjusted.eval()
    torch.testing.assert_close(plain(images).logits, adjusted(images).logits)
    assert plain.kept().state_dict().keys() == adjusted.kept().state_dict().keys()
    assert "shares.source" in adjusted.state_dict()
