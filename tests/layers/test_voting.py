from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch.testing import assert_close

from ferda.layers.voting import combine_branches, count_votes, mean_affect


def logits_of(*choices: int, classes: int = 4) -> torch.Tensor:
    """(K, 1, C): each branch is sure of its choice."""
    return 5 * torch.nn.functional.one_hot(torch.tensor(choices), classes).float().unsqueeze(1)


@pytest.mark.parametrize(
    ("choices", "winner"),
    [((2, 2, 0), 2), ((3, 1, 1, 3), 1), ((3,), 3), ((3, 2, 1, 0), 0), ((0, 3, 3, 1), 3)],
)
def test_the_class_named_most_often_wins_and_the_first_of_equals(
    choices: tuple[int, ...], winner: int
) -> None:
    logits = logits_of(*choices)
    counted = Counter(choices)
    assert count_votes(logits)[0].tolist() == [counted[name] for name in range(4)]
    assert combine_branches(logits).argmax(1).tolist() == [winner]


def test_votes_beat_confidence() -> None:
    # two branches lean to class 1, one is sure of class 0
    logits = torch.tensor([[[0.0, 0.1, -3]], [[0, 0.1, -3]], [[9, 0, 0]]])
    output = combine_branches(logits)
    mean = logits.softmax(2).mean(0)
    assert mean.argmax() == 0 and output.argmax() == 1
    raised = torch.tensor([[mean[0, 0], mean[0, 0], mean[0, 2]]])
    assert_close(output.softmax(1), raised / raised.sum(), rtol=1e-5, atol=1e-5)


def test_where_all_agree_the_probabilities_are_the_mean() -> None:
    torch.manual_seed(0)
    logits = torch.randn(9, 200, 8, dtype=torch.float64)
    mean = logits.softmax(2).mean(0)
    winner = count_votes(logits).argmax(1)
    voted = combine_branches(logits)
    assert torch.equal(voted.argmax(1), winner)
    agrees = winner == mean.argmax(1)
    assert 0 < agrees.sum() < 200
    assert_close(voted.softmax(1)[agrees], mean[agrees], rtol=0, atol=1e-6)
    assert_close(combine_branches(logits, "mean_prob").exp(), mean)
    assert_close(combine_branches(logits, "mean_logit"), logits.mean(0))


def test_a_tie_in_votes_and_in_probability_goes_to_the_first() -> None:
    logits = torch.tensor([[[0.0, 2, 0]], [[2, 0, 0]], [[0, 0, 2]]])
    assert combine_branches(logits).argmax() == 0
    # class 1 has two votes of three, and exactly the mean probability of class 0
    even = torch.tensor([[[0.3, 0.7]], [[0.4, 0.6]], [[0.8, 0.2]]]).log()
    assert combine_branches(even).argmax() == 1


def test_half_precision_is_decided_in_float32() -> None:
    voted = combine_branches(logits_of(1, 1, 2).bfloat16())
    assert voted.dtype == torch.float32 and voted.argmax() == 1


def test_each_branch_is_limited_before_the_mean() -> None:
    said = torch.tensor([[[3.0, -5]], [[0, 0.5]]])
    assert_close(mean_affect(said), torch.tensor([[0.5, -0.25]]))
    assert_close(mean_affect(said, clip_valence=False), torch.tensor([[1.5, -0.25]]))


def test_the_gradient_of_a_lifted_winner_is_its_own() -> None:
    # two branches barely name 0, one is sure of 1: the vote says 0, the mean 1
    logits = torch.tensor([[[0.1, 0.0, -5.0]], [[0.1, 0.0, -5.0]], [[-9.0, 9.0, 0.0]]], requires_grad=True)
    voted = combine_branches(logits, "vote")
    assert voted.argmax(1).item() == 0 and combine_branches(logits, "mean_prob").argmax(1).item() == 1
    lifted = torch.autograd.grad(voted[0, 0], logits)[0]
    plain = torch.autograd.grad(combine_branches(logits, "mean_prob")[0, 0], logits)[0]
    assert torch.equal(lifted, plain)
