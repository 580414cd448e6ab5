"""The diversity loss gives the numbers of the authors' program in its form, and of a reference in ours.

The other arrays of this folder are asserted where the diversified ESR is tested.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import Tensor
from torch.testing import assert_close

from ferda.losses.diversity import DiversityLoss, Form, branch_similarity

SYSTEM = "diversified_esr"
COUNTS = (2, 3, 4, 9)

#: Which test asserts which arrays, or why none does. Completeness is a test of its own.
ACCOUNT = {
    "b[0-9]_spatial_x": "given",
    "b[0-9]_channel_x": "given",
    "b[0-9]_*_direct_div*": "test_diversity",
    "b[0-9]_[sc]*_det_div*": "test_diversity",
    "own_b*_neg_*": "test_diversity",
    "own_b*_S_unit_diag": "test_similarity",
    "b[0-9]_quirk_*": "test_channel_term_of_the_fer_plus_script",
    "b[0-9]_*_logdet_div": "NaN for even, wrongly signed for odd numbers of branches: the zero diagonal "
    "is offered for the determinant alone, as the authors use it",
    "cbam_*": "asserted with the network",
    "total_*": "asserted with the method",
}


def value_and_gradient(branches: Tensor, form: Form) -> tuple[Tensor, Tensor]:
    leaf = branches.clone().requires_grad_()
    loss = DiversityLoss(form)(leaf)
    loss.backward()
    assert leaf.grad is not None
    return loss.detach(), leaf.grad


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["spatial", "channel"])
def test_diversity(case: Any, count: int, kind: str) -> None:
    given, name = case.losses, f"b{count}_{kind}"
    forms: dict[str, Form] = {
        f"{name}_direct_div": "direct",
        f"{name}_det_div": "det_zero_diag",
        f"own_{name}_neg_det_unit_diag": "det",
        f"own_{name}_neg_logdet_unit_diag": "logdet",
    }
    for key, form in forms.items():
        value, gradient = value_and_gradient(given[f"{name}_x"], form)
        # the authors' sum over ordered pairs, where we take their mean
        scale = count * (count - 1) if form == "direct" else 1
        assert_close((scale * value).double(), given[key].double(), rtol=1e-4, atol=2e-5)
        if form == "logdet":  # its reference has no gradient and adds no 1e-6, hence the tolerance
            continue
        assert_close(scale * gradient, given[f"{key}_grad"], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kind", ["spatial", "channel"])
def test_similarity(case: Any, count: int, kind: str) -> None:
    found = branch_similarity(case.losses[f"b{count}_{kind}_x"])
    assert_close(found, case.losses[f"own_b{count}_{kind}_S_unit_diag"])


@pytest.mark.parametrize("count", COUNTS)
def test_channel_term_of_the_fer_plus_script(case: Any, count: int) -> None:
    # the script hands spatial maps to the channel term, which then takes every column for a picture
    columns = case.losses[f"b{count}_spatial_x"].transpose(2, 3).flatten(1, 2)
    value, gradient = value_and_gradient(columns, "det_zero_diag")
    key = f"b{count}_quirk_channel_on_spatial_det_div"
    assert_close(value, case.losses[key], rtol=1e-4, atol=1e-5)
    maps = gradient.unflatten(1, (-1, 6)).transpose(2, 3)
    assert_close(maps, case.losses[f"{key}_grad"], rtol=1e-4, atol=1e-6)


def test_every_array_is_accounted_for(case: Any, unaccounted: Callable[..., list[str]]) -> None:
    assert not unaccounted(case.losses, ACCOUNT)
    assert {word for word in ACCOUNT.values() if word.startswith("test_")} <= set(globals())
