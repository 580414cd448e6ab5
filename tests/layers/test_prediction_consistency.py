from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.layers.prediction_consistency import (
    CombinationRule,
    combined_prediction,
    consistent_prediction,
)
from ferda.losses.consistency import class_thresholds

RULES = get_args(CombinationRule)


def logits_of(*probabilities: list[float]) -> torch.Tensor:
    """One row seen by heads with these probabilities."""
    return torch.tensor(probabilities).log().unsqueeze(1)


def test_the_fused_head_goes_first_then_the_global_head() -> None:
    thresholds = torch.full((3, 2), 0.8)
    both = logits_of([0.9, 0.1], [0.5, 0.5], [0.1, 0.9])
    first = consistent_prediction(both, thresholds, thresholds)
    assert (first.answers.item(), first.stages.item()) == (1, 0)
    unsure = logits_of([0.9, 0.1], [0.5, 0.5], [0.4, 0.6])
    second = consistent_prediction(unsure, thresholds, thresholds)
    assert (second.answers.item(), second.stages.item()) == (0, 1)
    torch.testing.assert_close(second.probabilities, torch.tensor([[0.9, 0.1]]))


def test_filtered_probabilities_are_added() -> None:
    """Only 0.7 and 0.65 pass their thresholds of 0.6, though class 2 has more in all."""
    heads = logits_of([0.7, 0.1, 0.2], [0.0, 0.45, 0.55], [0.0, 0.45, 0.55], [0.0, 0.65, 0.35])
    thresholds = torch.full((4, 3), 0.6)
    found = consistent_prediction(heads, thresholds + 1, thresholds)
    assert (found.answers.item(), found.stages.item()) == (0, 2)
    assert found.probabilities.argmax().item() == 0


def test_nobody_sure_means_class_zero_in_the_authors_code_and_the_sum_in_ours() -> None:
    heads = logits_of([0.2, 0.5, 0.3], [0.2, 0.5, 0.3], [0.2, 0.5, 0.3])
    nothing = torch.full((3, 3), 2.0)
    theirs = consistent_prediction(heads, nothing, nothing, fallback="lowest")
    ours = consistent_prediction(heads, nothing, nothing)
    assert theirs.answers.item() == 0 == theirs.probabilities.argmax().item()
    assert ours.answers.item() == 1
    torch.testing.assert_close(ours.probabilities, torch.tensor([[0.2, 0.5, 0.3]]))


def test_the_most_frequent_class_is_never_added_by_the_authors_code() -> None:
    """Its status is 1, and no probability reaches 1; by its threshold of 0.95 it is."""
    heads = logits_of([0.2, 0.8], [0.04, 0.96], [0.2, 0.8])
    status = torch.tensor([[0.0, 1.0]]).expand(3, 2)
    thresholds = class_thresholds(status, "fixed")
    assert combined_prediction(heads, thresholds, status, "glpc").answers.item() == 0
    assert combined_prediction(heads, thresholds, status, "glpc_tau").answers.item() == 1


@settings(max_examples=settings.default.max_examples // 2)
@given(st.integers(0, 10_000), st.sampled_from(RULES), st.sampled_from([0.3, 2.0, 12.0]))
def test_probabilities_are_probabilities_and_agree_with_the_answer(
    seed: int, rule: str, scale: float
) -> None:
    torch.manual_seed(seed)
    logits, status = scale * torch.randn(7, 20, 5), torch.rand(7, 5)
    status[:, 0] = 1.0
    found = combined_prediction(logits, class_thresholds(status), status, rule)  # type: ignore[arg-type]
    torch.testing.assert_close(found.probabilities.sum(1), torch.ones(20))
    assert (found.probabilities >= 0).all()
    assert torch.equal(found.probabilities.argmax(1), found.answers)
    tiny = torch.finfo(torch.float32).tiny
    assert torch.equal(found.probabilities.clamp_min(tiny).log().softmax(1).argmax(1), found.answers)


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(ValueError, match="glpc_tau"):
        combined_prediction(torch.zeros(7, 1, 3), torch.zeros(7, 3), torch.zeros(7, 3), "vote")  # type: ignore[arg-type]
