from __future__ import annotations

import pytest
import torch

from ferda.losses.hardness import hardness, has_partner, is_confident, shares


@pytest.mark.parametrize("of", ["logits", "probs"])
def test_hardness_equals_the_formula(of: str) -> None:
    logits = torch.randn(4, 3, dtype=torch.float64).requires_grad_()
    labels = torch.tensor([2, 0, 1, 1])
    found = hardness(logits, labels, of)  # type: ignore[arg-type]
    z = (logits.softmax(1) if of == "probs" else logits).tolist()
    for row, label in enumerate(labels.tolist()):
        wanted = [max(z[row]) if k == label else 0.0 for k in range(3)]
        expected = sum((a - b) ** 2 for a, b in zip(z[row], wanted, strict=True)) / 3
        assert found[row].item() == pytest.approx(expected, rel=1e-9)
    assert not found.requires_grad


def test_a_wrong_and_undecided_row_is_harder_than_a_clear_one() -> None:
    logits = torch.tensor([[4.0, 0, 0], [4.0, 4, 0], [0, 4.0, 0]])
    found = hardness(logits, torch.tensor([0, 0, 0]))
    assert found[0] == 0 and found[0] < found[1] < found[2]


def test_confidence_counts_the_threshold_in() -> None:
    logits = torch.tensor([[0.0, 0], [3.0, 0]])
    assert is_confident(logits, 0.5).tolist() == [True, True]
    assert is_confident(logits, 0.51).tolist() == [False, True]


def test_shares_sum_to_one_or_stay_zero() -> None:
    assert shares(torch.tensor([1.0, 3.0])).tolist() == [0.25, 0.75]
    assert shares(torch.zeros(3)).tolist() == [0, 0, 0]


def test_partners_are_classes_of_the_other_side() -> None:
    assert has_partner(torch.tensor([0, 1, 2]), torch.tensor([2, 2, 0])).tolist() == [True, False, True]
