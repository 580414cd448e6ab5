from __future__ import annotations

import pytest
import torch
from torch import Tensor

from ferda.losses.dual_alignment import Branch, DualAlignmentLoss
from ferda.losses.hardness import hardness
from ferda.losses.mmd import MMDLoss, kernel_blocks

CLASSES = 4


def rows(n: int = 12, m: int = 9) -> tuple[Branch, Tensor, Branch]:
    torch.manual_seed(0)
    source = Branch(torch.randn(n, 3).double(), torch.randn(n, CLASSES).double())
    target = Branch(torch.randn(m, 3).double() + 1, torch.randn(m, CLASSES).double())
    return source, torch.arange(n) % 3, target  # class 3 has no label


def sure(branch: Branch, threshold: float = 0.4) -> list[bool]:
    return [max(row) >= threshold for row in branch.logits.softmax(1).tolist()]


def test_the_sample_level_equals_the_formula() -> None:
    source, labels, target = rows()
    guesses = target.logits.argmax(1)
    w_s = hardness(source.logits, labels)
    w_t = hardness(target.logits, guesses)
    for i, is_sure in enumerate(sure(source)):
        w_s[i] *= is_sure and labels[i].item() in guesses.tolist()
    for j, is_sure in enumerate(sure(target)):
        w_t[j] *= is_sure and guesses[j].item() in labels.tolist()
    assert 0 < w_s.count_nonzero() < 12 and 0 < w_t.count_nonzero() < 9
    w_s, w_t = w_s / w_s.sum(), w_t / w_t.sum()
    k = kernel_blocks(source.features, target.features)
    expected = w_s @ k.source @ w_s + w_t @ k.target @ w_t - 2 * w_s @ k.between @ w_t
    torch.testing.assert_close(DualAlignmentLoss(class_weight=0)(source, labels, target), expected)


@pytest.mark.parametrize("masked", [True, False])
def test_the_class_level_equals_the_formula(masked: bool) -> None:
    source, labels, target = rows(16, 14)
    guesses = target.logits.argmax(1)

    def clusters(classes: Tensor, kept: list[bool]) -> dict[int, list[int]]:
        found = {}
        for c in range(CLASSES):
            members = [i for i, label in enumerate(classes.tolist()) if label == c]
            confident = [i for i in members if kept[i]]
            if confident:
                found[c] = confident if masked else members
        return found

    s, t = clusters(labels, sure(source)), clusters(guesses, sure(target))
    between = {(a, b): MMDLoss()(source.features[s[a]], target.features[t[b]]).item() for a in s for b in t}
    own = [value for (a, b), value in between.items() if a == b]
    other = [value for (a, b), value in between.items() if a != b]
    found = DualAlignmentLoss(masked_clusters=masked).class_level(source, labels, target)
    assert found.item() == pytest.approx(sum(own) / len(own) - sum(other) / len(other), rel=1e-9)


def test_both_levels_add_up() -> None:
    given = rows()
    loss = DualAlignmentLoss(class_weight=0.3)
    torch.testing.assert_close(loss(*given), loss.sample_level(*given) + 0.3 * loss.class_level(*given))


def test_the_order_of_rows_does_not_matter() -> None:
    source, labels, target = rows()
    turned = Branch(*(values.flip(0) for values in source))
    rolled = Branch(*(values.roll(2, 0) for values in target))
    loss = DualAlignmentLoss()
    torch.testing.assert_close(loss(turned, labels.flip(0), rolled), loss(source, labels, target))


def test_only_features_learn() -> None:
    source, labels, target = (
        Branch(*(values.clone().requires_grad_() for values in part)) if isinstance(part, Branch) else part
        for part in rows()
    )
    DualAlignmentLoss()(source, labels, target).backward()
    assert source.features.grad is not None and source.features.grad.any()
    assert target.features.grad is not None and target.features.grad.any()
    assert source.logits.grad is None and target.logits.grad is None


def test_a_side_without_confident_rows_aligns_nothing_unless_asked_as_upstream() -> None:
    source, labels, target = rows()
    unsure = Branch(target.features, torch.zeros_like(target.logits))
    assert DualAlignmentLoss(match=False)(source, labels, unsure).item() == 0
    assert DualAlignmentLoss(match=False, one_sided=True)(source, labels, unsure).item() > 0.5


def test_without_a_partner_class_rows_count_only_if_matching_is_off() -> None:
    source, labels, target = rows()
    elsewhere = Branch(target.features, 1 + 9 * torch.eye(CLASSES)[torch.full((9,), 3)].double())
    assert DualAlignmentLoss(class_weight=0)(source, labels, elsewhere).item() == 0
    assert DualAlignmentLoss(class_weight=0, match=False)(source, labels, elsewhere).item() > 0.01


def test_one_row_each_and_half_precision_are_finite() -> None:
    source, labels, target = rows(1, 1)
    half = [Branch(*(values.bfloat16() for values in part)) for part in (source, target)]
    half[0].features.requires_grad_()
    loss = DualAlignmentLoss(confidence=0)(half[0], labels, half[1])
    (loss + 0 * half[0].features.sum()).backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert half[0].features.grad is not None and half[0].features.grad.isfinite().all()
