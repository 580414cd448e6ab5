from __future__ import annotations

import torch
from torch.nn import functional

from ferda.losses.local_mmd import LocalMMDLoss, class_weights
from ferda.losses.mmd import MMDLoss, kernel_blocks

SURE = 50.0


def test_value_equals_the_sum_over_classes() -> None:
    torch.manual_seed(0)
    source, target = torch.randn(6, 3, dtype=torch.float64), torch.randn(5, 3, dtype=torch.float64) + 1
    labels = torch.tensor([0, 0, 1, 1, 3, 1])
    p = torch.tensor([[5, 1, 2, 0], [0, 4, 1, 0], [0, 0, 3, 1], [4, 2, 0, 0], [1, 6, 0, 2]]).double()
    p = p.softmax(1)
    blocks, expected = kernel_blocks(source, target), torch.zeros((), dtype=torch.float64)
    for c in (0, 1):  # 2 is only predicted, 3 only labelled
        s = (labels == c).double() / (labels == c).sum()
        t = p[:, c] / p[:, c].sum()
        expected = expected + s @ blocks.source @ s + t @ blocks.target @ t - 2 * s @ blocks.between @ t
    torch.testing.assert_close(LocalMMDLoss()(source, target, labels, p), expected / 2)
    soft = functional.one_hot(labels, 4).double()
    torch.testing.assert_close(LocalMMDLoss()(source, target, soft, p), expected / 2)


def test_sure_predictions_of_one_class_are_the_plain_discrepancy() -> None:
    source, target = torch.randn(4, 3), torch.randn(6, 3)
    p = torch.tensor([[SURE, 0.0]]).expand(6, 2).softmax(1)
    plain = MMDLoss()(source, target)
    torch.testing.assert_close(LocalMMDLoss()(source, target, torch.zeros(4, dtype=torch.int64), p), plain)


def test_predictions_get_no_gradient_and_no_shared_class_gives_zero() -> None:
    source, target = torch.randn(3, 3).requires_grad_(), torch.randn(4, 3)
    logits = torch.randn(4, 3).requires_grad_()
    labels = logits.argmax(1)[:3]
    LocalMMDLoss()(source, target, labels, logits.softmax(1)).backward()
    assert logits.grad is None and source.grad is not None and source.grad.any()
    alone = torch.tensor([[0.0, 0, SURE]]).expand(4, 3).softmax(1)
    nothing = LocalMMDLoss()(source, target, torch.tensor([0, 1, 0]), alone)
    assert nothing.item() == 0
    assert class_weights(torch.tensor([0, 1, 0]), alone)[2].item() == 0


def test_a_row_of_each_and_half_precision_are_finite() -> None:
    source, target = torch.randn(1, 3).bfloat16().requires_grad_(), torch.randn(1, 3).bfloat16()
    loss = LocalMMDLoss()(source, target, torch.tensor([1]), torch.tensor([[0.1, 0.8, 0.1]]).bfloat16())
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert source.grad is not None and source.grad.isfinite().all()
