from __future__ import annotations

import pytest
import torch

from ferda.losses.coral import CoralLoss


def test_value_equals_the_formula() -> None:
    torch.manual_seed(0)
    source, target = torch.randn(6, 3, dtype=torch.float64), 2 * torch.randn(9, 3, dtype=torch.float64)
    expected = (torch.cov(source.T) - torch.cov(target.T)).square().sum() / (4 * 9)
    torch.testing.assert_close(CoralLoss()(source, target), expected)


def test_means_do_not_matter_but_widths_do() -> None:
    source = torch.randn(8, 4)
    assert CoralLoss()(source, source.flip(0) + 5).item() == pytest.approx(0, abs=1e-6)
    assert CoralLoss()(source, 2 * source) > 0.01


def test_the_copied_code_is_another_measure() -> None:
    torch.manual_seed(0)
    source, target = torch.randn(6, 3, dtype=torch.float64), torch.randn(6, 3, dtype=torch.float64)
    centred = [rows - rows.mean(1, keepdim=True) for rows in (source, target)]
    between = centred[0].T @ centred[0] - centred[1].T @ centred[1]
    expected = between.square().mean() / (16 * 3)
    torch.testing.assert_close(CoralLoss("upstream_easezyc")(source, target), expected)
    with pytest.raises(ValueError, match="paper, upstream_easezyc"):
        CoralLoss("other")  # type: ignore[arg-type]


def test_one_row_and_half_precision_are_finite() -> None:
    source = torch.randn(1, 4, dtype=torch.bfloat16).requires_grad_()
    loss = CoralLoss()(source, torch.randn(5, 4, dtype=torch.bfloat16))
    loss.backward()
    assert loss.dtype == torch.float32 and loss.isfinite()
    assert source.grad is not None and not source.grad.any()


def test_descending_widens_what_is_narrow() -> None:
    torch.manual_seed(0)
    source, target = (0.3 * torch.randn(32, 4)).requires_grad_(), torch.randn(32, 4)
    optimiser = torch.optim.Adam([source], lr=0.05)
    for _ in range(80):
        optimiser.zero_grad()
        CoralLoss()(source, target).backward()
        optimiser.step()
    assert source.detach().std() > 0.7
