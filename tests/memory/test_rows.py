from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ferda.memory.rows import FeatureBank, RowMemory


def bank_of(features: torch.Tensor) -> FeatureBank:
    bank = FeatureBank(features.shape[1], classes=3)
    bank.fill(features=features, probabilities=torch.rand(len(features), 3))
    return bank


@given(st.integers(0, 1000), st.integers(2, 12), st.integers(1, 15))
def test_the_nearest_are_those_of_a_sorted_list(seed: int, count: int, wanted: int) -> None:
    torch.manual_seed(seed)
    rows = torch.nn.functional.normalize(torch.randn(count, 4))
    batch, index = torch.randn(3, 4), torch.randint(0, count, (3,))
    found = bank_of(rows).nearest(batch, index, wanted)
    known = rows.double().numpy()
    for features, own, places in zip(batch.double().numpy(), index.tolist(), found.tolist(), strict=True):
        cosines = {row: float(features @ known[row]) / np.linalg.norm(features) for row in range(count)}
        del cosines[own]
        best = sorted(cosines.values(), reverse=True)[:wanted]
        np.testing.assert_allclose([cosines[place] for place in places], best, atol=1e-5)


def test_a_copy_is_a_neighbour_and_the_face_itself_is_not() -> None:
    rows = torch.tensor([[1.0, 0], [0, 1], [1, 0], [1, 0]])
    found = bank_of(rows).nearest(rows, torch.arange(4), 2)
    assert [set(places) for places in found[[0, 2, 3]].tolist()] == [{2, 3}, {0, 3}, {0, 2}]


def test_rows_are_replaced_where_the_index_says() -> None:
    memory = RowMemory(labels=torch.zeros(0, dtype=torch.int64), scores=torch.zeros(0, 2))
    memory.fill(labels=torch.tensor([5, 6, 7]), scores=torch.zeros(3, 2))
    memory.write(torch.tensor([2, 0]), labels=torch.tensor([1, 2]), scores=torch.tensor([[1.0, 2], [3, 4]]))
    assert memory.get_buffer("labels").tolist() == [2, 6, 1]
    assert memory.get_buffer("scores").tolist() == [[3, 4], [0, 0], [1, 2]]


def test_what_is_remembered_has_no_gradient_and_is_no_view() -> None:
    features = torch.randn(4, 2, requires_grad=True)
    given_rows = features * 1
    bank = bank_of(given_rows)
    bank.write(torch.tensor([0]), features=features[1:2], probabilities=torch.ones(1, 3, requires_grad=True))
    assert not bank.features.requires_grad and not torch.equal(bank.features[0], given_rows[0])


def test_a_fresh_module_takes_the_length_of_what_it_loads() -> None:
    bank = bank_of(torch.randn(6, 2))
    fresh = FeatureBank(2, 3)
    fresh.load_state_dict(bank.state_dict())
    assert torch.equal(fresh.features, bank.features) and torch.equal(fresh.probabilities, bank.probabilities)
    with pytest.raises(RuntimeError, match="size mismatch"):
        FeatureBank(5, 3).load_state_dict(bank.state_dict())


def test_an_empty_bank_says_so() -> None:
    with pytest.raises(ValueError, match="fill it"):
        FeatureBank(2, 3).nearest(torch.ones(1, 2), torch.tensor([0]), 1)
