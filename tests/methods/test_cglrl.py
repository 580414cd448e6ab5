from __future__ import annotations

from collections.abc import Iterator

import torch
from torch.nn import functional

from ferda.batch import DomainBatch, Labelled, Progress, Unlabelled
from ferda.methods.cglrl import CGLRL, CGLRLConfig

CLASSES, ROWS = 3, 6
OPTIONS = {"widths": [8, 8, 16, 16]}


class Target:
    """Six rows, in batches of two, in an order that is not theirs."""

    def __len__(self) -> int:
        return ROWS

    def batches(self) -> Iterator[Unlabelled]:
        torch.manual_seed(3)
        for index in torch.tensor([[5, 0], [3, 1], [2, 4]]):
            yield Unlabelled(torch.randn(2, 3, 48, 48), None, index)


def make() -> CGLRL:
    torch.manual_seed(0)
    config = CGLRLConfig(backbone="ir_small", backbone_options=OPTIONS, part_width=8, critic_hidden=8)
    return CGLRL(config, CLASSES)


def agree_on(method: CGLRL, label: int) -> None:
    """Make every head sure of one class, whatever it sees."""
    for head in (method.heads.global_head, *method.heads.local_heads, method.heads.fused_head):
        head.bias.data[label] = 50.0


def test_rows_are_labelled_only_where_all_heads_agree() -> None:
    method = make().train()
    method.begin_epoch(Target(), Progress())
    assert (method.status.table == -1).all()
    agree_on(method, 2)
    method.begin_epoch(Target(), Progress())
    assert (method.status.table == 2).all()
    method.heads.local_heads[3].bias.data[1] = 99.0
    method.begin_epoch(Target(), Progress())
    assert (method.status.table == -1).all()
    assert method.training


def test_labelled_rows_teach_and_others_do_not() -> None:
    method = make().eval()
    method.begin_epoch(Target(), Progress())
    method.status.table[:, 4] = 1
    images = torch.randn(5, 3, 48, 48)
    given = DomainBatch(
        (Labelled(images[:2], torch.tensor([0, 2])),), Unlabelled(images[2:], None, torch.tensor([0, 4, 5]))
    )
    losses = method.losses(given, Progress(step=100, stage="adapt"))
    logits = method.heads(method.features(images[3:4]))
    weights = (7, 1, 1, 1, 1, 1, 7)
    label = torch.tensor([1])
    expected = sum(w * functional.cross_entropy(z, label) / 3 for w, z in zip(weights, logits, strict=True))
    torch.testing.assert_close(losses["consistency"], expected)


def test_it_needs_no_strong_view_and_has_seven_of_each() -> None:
    method = make()
    assert not method.needs.strong
    assert len(method.critics) == 7 and len(method.heads.local_heads) == 5
