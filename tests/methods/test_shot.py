"""SHOT against its formula, and what it must not touch."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from ferda.batch import DomainBatch, Progress, Unlabelled
from ferda.memory.centroid_labels import centroid_labels
from ferda.methods import create_method
from ferda.methods.base import Method

ROWS, CLASSES = 12, 3
SMALL = {"backbone": "small_cnn", "backbone_options": {"stem": 4, "widths": [8]}, "bottleneck": 5}


class Target:
    """A few faces, out of order as nobody promised one, and in batches of unequal size."""

    def __init__(self) -> None:
        self.images = torch.randn(ROWS, 3, 16, 16, dtype=torch.float64)

    def __len__(self) -> int:
        return ROWS

    def rows(self, *index: int) -> Unlabelled:
        return Unlabelled(self.images[list(index)], index=torch.tensor(index))

    def batches(self) -> Iterator[Unlabelled]:
        yield self.rows(7, 8, 9, 10, 11)
        yield self.rows(0, 1, 2, 3, 4, 5, 6)


def make(name: str, **settings: object) -> Method:
    return create_method(name, CLASSES, **SMALL, **settings).double()


@torch.no_grad()
def decided(method: Method, target: Target) -> Method:
    """A head that answers the target's faces in different ways, as a trained one does."""
    head = method.get_submodule("network.head")
    head.weight.mul_(20)
    head.bias.copy_(-head.weight @ method.eval()(target.images).features.mean(0))
    assert len(method(target.images).logits.argmax(1).unique()) == CLASSES
    return method


def test_the_losses_are_the_papers() -> None:
    target = Target()
    method = decided(make("shot", label_weight=0.7), target)
    method.begin_epoch(target, Progress())
    method.eval()
    index = [3, 0, 9]
    losses = method.losses(DomainBatch((), target.rows(*index)), Progress())
    p = method(target.images[index]).probabilities.tolist()
    labels = method.memory.get_buffer("labels").tolist()
    mean = [sum(row[k] for row in p) / 3 for k in range(CLASSES)]
    wanted = {
        "entropy": -sum(value * math.log(value) for row in p for value in row) / 3,
        "diversity": sum(value * math.log(value) for value in mean),
        "labels": -0.7 * sum(math.log(p[i][labels[row]]) for i, row in enumerate(index)) / 3,
    }
    # the losses add 1e-5 within the logarithm, as the authors do
    assert {name: loss.item() for name, loss in losses.items()} == pytest.approx(wanted, abs=1e-4)


def test_labels_are_those_of_the_whole_target_in_its_order() -> None:
    target = Target()
    method = decided(make("shot"), target)
    method.train().begin_epoch(target, Progress())
    with torch.no_grad():
        said = method.eval()(target.images)
    wanted = centroid_labels(said.features, said.probabilities)
    assert len(wanted.unique()) > 1
    assert torch.equal(method.memory.get_buffer("labels"), wanted)


def test_the_head_is_frozen_and_nothing_else() -> None:
    method = make("shot")
    frozen = [name for name, weight in method.named_parameters() if not weight.requires_grad]
    assert frozen == ["network.head.weight", "network.head.bias"]


@pytest.mark.parametrize("name", ["shot", "aad"])
def test_who_cannot_say_which_rows_they_are_is_told(name: str) -> None:
    batch = DomainBatch((), Unlabelled(torch.zeros(2, 3, 16, 16).double()))
    with pytest.raises(ValueError, match="their index"):
        make(name).losses(batch, Progress())
