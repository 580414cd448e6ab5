from __future__ import annotations

from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ferda.memory.learning_status import LearningStatus


def test_by_hand() -> None:
    memory = LearningStatus(heads=1, classes=3)
    memory.start(6)
    assert memory.refresh().tolist() == [[0, 0, 0]]
    memory.remember(torch.tensor([0, 2, 5]), torch.tensor([[1, 1, 2]]), torch.tensor([[True, True, False]]))
    assert memory.table.tolist() == [[1, -1, 1, -1, -1, -1]]
    assert memory.refresh().tolist() == [[0, 0.5, 0]]  # four rows remember nothing, two remember class 1
    memory.remember(torch.tensor([3, 4, 5]), torch.tensor([[1, 1, 2]]), torch.tensor([[True, True, True]]))
    assert memory.refresh().tolist() == [[0, 1, 0.25]]


@settings(max_examples=settings.default.max_examples // 4)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(2, 30))
def test_equals_counting_one_by_one(seed: int, heads: int, rows: int) -> None:
    torch.manual_seed(seed)
    memory = LearningStatus(heads, classes=4)
    memory.start(rows)
    for _ in range(5):
        index = torch.randperm(rows)[: max(1, rows // 2)]
        labels = torch.randint(0, 4, (heads, len(index)))
        memory.remember(index, labels, torch.rand(heads, len(index)) < 0.6)
        before = memory.status.clone()
        memory.refresh()
        for head in range(heads):
            counts = Counter(memory.table[head].tolist())
            most = max(counts.values())
            expected = [counts[c] / most for c in range(4)] if most < rows else before[head].tolist()
            torch.testing.assert_close(memory.status[head], torch.tensor(expected))


def test_a_fresh_module_takes_the_length_of_what_it_loads() -> None:
    memory = LearningStatus(2, 3)
    memory.start(9)
    memory.remember(torch.arange(4), torch.ones(2, 4, dtype=torch.int64), torch.ones(2, 4).bool())
    memory.refresh()
    fresh = LearningStatus(2, 3)
    fresh.load_state_dict(memory.state_dict())
    assert torch.equal(fresh.table, memory.table)
    assert torch.equal(fresh.status, memory.status)


def test_it_must_be_started() -> None:
    with pytest.raises(ValueError, match="start"):
        LearningStatus(1, 3).remember(torch.tensor([0]), torch.tensor([[0]]), torch.tensor([[True]]))
