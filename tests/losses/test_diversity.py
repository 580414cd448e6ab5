from __future__ import annotations

import logging
import math

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from ferda.losses.diversity import DiversityLoss, branch_similarity, mean_similarity, report_similarity

FORMS = ("det", "logdet", "direct", "det_zero_diag")


def by_loops(branches: Tensor, gamma: float, divide: bool = False) -> Tensor:
    """S pair by pair, picture by picture."""
    k, b = branches.shape[:2]
    matrix = torch.eye(k, dtype=torch.float64)
    for i in range(k):
        for j in range(k):
            if i == j:
                continue
            total = torch.zeros((), dtype=torch.float64)
            for n in range(b):
                squared = ((branches[i, n] - branches[j, n]) ** 2).sum()
                total = total + torch.exp(-gamma * squared / (branches[i, n].numel() if divide else 1))
            matrix[i, j] = total / b
    return matrix


def determinant(matrix: Tensor) -> Tensor:
    """Laplace's expansion along the first row."""
    if len(matrix) == 1:
        return matrix[0, 0]
    columns = range(len(matrix))
    minors = [matrix[1:][:, [other for other in columns if other != c]] for c in columns]
    return sum((-1) ** c * matrix[0, c] * determinant(minors[c]) for c in columns)  # type: ignore[return-value]


def price(matrix: Tensor, form: str) -> Tensor:
    eye = torch.eye(len(matrix), dtype=matrix.dtype)
    if form == "direct":
        return (matrix - eye).sum() / (matrix.numel() - len(matrix))
    if form == "logdet":
        return -torch.log(determinant(matrix + 1e-6 * eye))
    return -determinant(matrix - eye if form == "det_zero_diag" else matrix)


def some_branches(count: int, rows: int = 3, spread: float = 0.2) -> Tensor:
    return (spread * torch.randn(count, rows, 2, 3, dtype=torch.float64)).requires_grad_()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("distance", ["sum", "mean"])
def test_values_and_gradients_equal_the_formulas(form: str, count: int, distance: str) -> None:
    branches = some_branches(count)
    loss = DiversityLoss(form, gamma=4.0, distance=distance)(branches)  # type: ignore[arg-type]
    expected = price(by_loops(branches, 4.0, divide=distance == "mean"), form)
    assert_close(loss, expected)
    assert_close(torch.autograd.grad(loss, branches)[0], torch.autograd.grad(expected, branches)[0])


def test_by_hand() -> None:
    # two branches, two pictures: squared distances 0 and 0.1, so s = (1 + 1/e) / 2
    branches = torch.tensor([[[0.0, 0], [0, 0]], [[0, 0], [0.1, 0.3]]], dtype=torch.float64)
    s = (1 + math.exp(-1)) / 2
    assert DiversityLoss("det")(branches).item() == pytest.approx(s * s - 1)
    assert DiversityLoss("direct")(branches).item() == pytest.approx(s)
    assert DiversityLoss("det_zero_diag")(branches).item() == pytest.approx(s * s)
    assert mean_similarity(branch_similarity(branches)).item() == pytest.approx(s)


@pytest.mark.parametrize("count", [2, 3, 4, 9])
@pytest.mark.parametrize("form", ["det", "logdet", "direct"])
def test_different_branches_cost_least_and_equal_ones_most(form: str, count: int) -> None:
    loss = DiversityLoss(form)  # type: ignore[arg-type]
    same = torch.ones(count, 2, 4, dtype=torch.float64)
    different = same * torch.arange(count)[:, None, None]
    between = same * 0.1 * torch.arange(count)[:, None, None]
    assert loss(different) < loss(between) < loss(same)
    least = {"det": -1.0, "logdet": -count * 1e-6, "direct": 0.0}[form]
    assert loss(different).item() == pytest.approx(least, abs=1e-6)


@pytest.mark.parametrize("count", [3, 4, 9])
def test_descending_parts_the_branches_for_any_number_of_them(count: int) -> None:
    branches = some_branches(count, spread=0.1)
    before = mean_similarity(branch_similarity(branches)).item()
    loss = DiversityLoss("det")
    for _ in range(20):
        (gradient,) = torch.autograd.grad(loss(branches), branches)
        branches = (branches - 0.3 * gradient / gradient.norm()).detach().requires_grad_()
    assert mean_similarity(branch_similarity(branches)).item() < before - 0.1


@pytest.mark.parametrize(("count", "parts"), [(2, True), (3, False), (4, True), (9, False)])
def test_the_authors_form_pushes_odd_numbers_of_branches_together(count: int, parts: bool) -> None:
    branches = some_branches(count, spread=0.02)
    (towards,) = torch.autograd.grad(DiversityLoss("det_zero_diag")(branches), branches)
    (alike,) = torch.autograd.grad(mean_similarity(branch_similarity(branches)), branches)
    assert ((towards * alike).sum() > 0) == parts


@pytest.mark.parametrize("form", FORMS)
def test_one_branch_one_row_and_equal_branches_are_finite(form: str) -> None:
    loss = DiversityLoss(form)  # type: ignore[arg-type]
    assert loss(some_branches(1)).item() == 0
    for branches in (some_branches(9, rows=1), torch.ones(9, 2, 5, requires_grad=True)):
        value = loss(branches)
        (gradient,) = torch.autograd.grad(value, branches)
        assert value.isfinite() and gradient.isfinite().all()


@pytest.mark.parametrize("form", FORMS)
def test_vanishing_similarities_are_no_nan(form: str) -> None:
    branches = torch.randn(9, 4, 512, requires_grad=True)
    value = DiversityLoss(form)(branches)  # type: ignore[arg-type]
    (gradient,) = torch.autograd.grad(value, branches)
    assert value.isfinite() and gradient.isfinite().all()


@pytest.mark.parametrize("form", FORMS)
def test_order_does_not_matter(form: str) -> None:
    loss, branches = DiversityLoss(form), some_branches(4)  # type: ignore[arg-type]
    assert_close(loss(branches), loss(branches.flip(0)))
    assert_close(loss(branches), loss(branches.flip(1)))


def test_types() -> None:
    branches = some_branches(3).detach()
    assert DiversityLoss()(branches.float()).dtype == torch.float32
    half = DiversityLoss()(branches.bfloat16())
    assert half.dtype == torch.float32
    assert_close(half, DiversityLoss()(branches.bfloat16().float()))


def test_terms_that_teach_nothing_are_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    terms = {"felt": DiversityLoss(), "dead": DiversityLoss(), "unused": DiversityLoss()}
    terms["felt"](some_branches(3))
    terms["dead"](some_branches(3, spread=100))
    terms["felt"](some_branches(3, spread=100))
    assert not terms["felt"].state_dict()
    with caplog.at_level(logging.INFO, logger="ferda"):
        report_similarity(terms)
        report_similarity(terms)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(caplog.records) == 3
    assert len(warnings) == 1 and "dead" in warnings[0]
