from __future__ import annotations

import torch

from ferda.layers.random_map import RandomMultilinearMap
from ferda.losses.conditional import outer_product


def test_inner_products_are_kept_on_average() -> None:
    """Two mapped pairs multiply to <p, p'> <f, f'>, as their outer products do."""
    p, f = torch.rand(2, 3), torch.randn(2, 5)
    exact = outer_product(p, f)
    mapped = RandomMultilinearMap(features=5, classes=3, width=100_000)(p, f)
    torch.testing.assert_close(mapped @ mapped.T, exact @ exact.T, rtol=0.1, atol=0.1)


def test_matrices_are_saved_and_do_not_learn() -> None:
    one, other = RandomMultilinearMap(5, 3, 16), RandomMultilinearMap(5, 3, 16)
    assert not list(one.parameters())
    other.load_state_dict(one.state_dict())
    p, f = torch.rand(2, 3), torch.randn(2, 5)
    assert torch.equal(one(p, f), other(p, f))
