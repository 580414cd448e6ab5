from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from ferda.losses.cluster_mmd import cluster_mmd
from ferda.losses.mmd import (
    LinearMMDLoss,
    LinearTimeMMDLoss,
    MMDLoss,
    kernel_blocks,
    squared_distances,
    weighted_mmd,
)


def clouds(n: int = 5, m: int = 7, width: int = 3) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return torch.randn(n, width, dtype=torch.float64), torch.randn(m, width, dtype=torch.float64) + 1


def kernel_by_formula(rows: list[list[float]]) -> list[list[float]]:
    """Number by number, from the differences."""
    size = len(rows)
    d = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in rows] for x in rows]
    b = sum(map(sum, d)) / (size**2 - size)
    return [[sum(math.exp(-value / (b * 2 ** (u - 2))) for u in range(5)) for value in row] for row in d]


def mmd_by_formula(source: Tensor, target: Tensor) -> float:
    n, m = len(source), len(target)
    k = kernel_by_formula(torch.cat([source, target]).tolist())
    of_source = sum(k[i][j] for i in range(n) for j in range(n)) / n**2
    of_target = sum(k[n + i][n + j] for i in range(m) for j in range(m)) / m**2
    return of_source + of_target - 2 * sum(k[i][n + j] for i in range(n) for j in range(m)) / (n * m)


@pytest.mark.parametrize(("n", "m"), [(5, 7), (4, 4), (1, 3), (1, 1)])
def test_value_equals_the_formula(n: int, m: int) -> None:
    source, target = clouds(n, m)
    assert MMDLoss()(source, target).item() == pytest.approx(mmd_by_formula(source, target), rel=1e-9)


def test_other_kernels_and_factors() -> None:
    source, target = clouds()
    narrow = kernel_blocks(source, target, kernels=1).between
    d = torch.cdist(source, target).square()
    width = torch.pdist(torch.cat([source, target])).square().mean()
    torch.testing.assert_close(narrow, torch.exp(-d / width))
    three = kernel_blocks(source, target, kernels=3, factor=4.0).between
    torch.testing.assert_close(three, sum(torch.exp(-d / (width * w)) for w in (0.25, 1, 4)))


def test_distances_are_those_of_differences_even_far_from_the_origin() -> None:
    rows = torch.randn(6, 4) + 1000
    torch.testing.assert_close(
        squared_distances(rows).double(),
        torch.cdist(rows.double(), rows.double()).square(),
        rtol=1e-4,
        atol=1e-4,
    )


def test_equal_domains_have_no_discrepancy() -> None:
    source, _ = clouds()
    assert MMDLoss()(source, source).item() == pytest.approx(0, abs=1e-12)
    assert LinearMMDLoss()(source, source).item() == 0
    assert LinearTimeMMDLoss()(source, source).item() == pytest.approx(0, abs=1e-12)


def test_order_does_not_matter_and_more_distance_is_more() -> None:
    source, target = clouds()
    loss = MMDLoss()
    torch.testing.assert_close(loss(source, target), loss(source.flip(0), target.roll(2, 0)))
    torch.testing.assert_close(loss(source, target), loss(target, source))
    assert loss(source, target + 2) > loss(source, target) > 0


def test_weights_take_rows_out() -> None:
    source, target = clouds()
    keep = torch.tensor([1.0, 0, 1, 0, 0])
    blocks = kernel_blocks(source, target)
    part = MMDLoss()(source, target, keep / 2)
    by_hand = (
        blocks.source[[0, 2]][:, [0, 2]].mean() + blocks.target.mean() - 2 * blocks.between[[0, 2]].mean()
    )
    torch.testing.assert_close(part, by_hand)
    two = torch.stack([keep / 2, torch.full((5,), 0.2)], 1)
    both = MMDLoss()(source, target, two, torch.full((7, 2), 1 / 7, dtype=torch.float64))
    torch.testing.assert_close(both, part + MMDLoss()(source, target), rtol=1e-6, atol=1e-7)


def test_a_side_without_weights_gives_zero_unless_asked_for() -> None:
    source, target = clouds()
    blocks, none = kernel_blocks(source, target), torch.zeros(5)
    weights = torch.full((7,), 1 / 7, dtype=torch.float64)
    assert weighted_mmd(blocks, none, weights).item() == 0
    torch.testing.assert_close(weighted_mmd(blocks, none, weights, one_sided=True), blocks.target.mean())


@pytest.mark.parametrize("loss", [MMDLoss(), LinearTimeMMDLoss(), LinearMMDLoss()])
def test_descending_brings_the_domains_together(loss: torch.nn.Module) -> None:
    source, target = clouds(16, 16)
    moving = source.clone().requires_grad_()
    optimiser = torch.optim.Adam([moving], lr=0.05)
    for _ in range(60):
        optimiser.zero_grad()
        loss(moving, target).backward()
        optimiser.step()
    before, after = ((rows.detach().mean(0) - target.mean(0)).norm() for rows in (source, moving))
    assert after < 0.5 * before


@pytest.mark.parametrize("loss", [MMDLoss(), LinearTimeMMDLoss(), LinearMMDLoss()])
def test_equal_rows_single_rows_and_half_precision_are_finite(loss: torch.nn.Module) -> None:
    for source, target in [
        (torch.ones(3, 4), torch.ones(2, 4)),
        (torch.zeros(1, 4), torch.zeros(1, 4)),
        (1e4 * torch.randn(1, 4), torch.randn(6, 4)),
        (torch.randn(4, 4).bfloat16(), torch.randn(3, 4).bfloat16()),
    ]:
        moving = source.clone().requires_grad_()
        value = loss(moving, target)
        value.backward()
        assert value.dtype == torch.float32 and value.isfinite()
        assert moving.grad is not None and moving.grad.isfinite().all()


def test_autocast_does_not_shorten_the_distances() -> None:
    source, target = (rows.float() for rows in clouds(32, 32, 64))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = MMDLoss()(source, target)
    torch.testing.assert_close(half, MMDLoss()(source, target))


def test_the_linear_time_estimate_equals_its_formula() -> None:
    source, target = clouds(6, 6)
    k = kernel_by_formula(torch.cat([source, target]).tolist())
    steps = [(i, (i + 1) % 6) for i in range(6)]
    expected = sum(k[i][j] + k[6 + i][6 + j] - k[i][6 + j] - k[j][6 + i] for i, j in steps) / 6
    assert LinearTimeMMDLoss()(source, target).item() == pytest.approx(expected, rel=1e-9)
    assert LinearTimeMMDLoss()(source[:3], target).isfinite()


def members(labels: list[int], classes: int = 4) -> Tensor:
    return torch.tensor([[float(label == c) for c in range(classes)] for label in labels])


def test_clusters_equal_the_loss_on_their_rows_alone() -> None:
    source, target = clouds(8, 9)
    labels, guesses = [0, 1, 1, 2, 0, -1, 1, 2], [3, 1, 1, 0, 0, 0, -1, 1, 3]
    found = cluster_mmd(source, target, members(labels), members(guesses))
    for a in range(4):
        for b in range(4):
            s = source[[label == a for label in labels]]
            t = target[[guess == b for guess in guesses]]
            expected = mmd_by_formula(s, t) if len(s) and len(t) else 0
            assert found[a, b].item() == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_gradient_of_clusters_is_that_of_the_loss() -> None:
    source, target = clouds(6, 5)
    labels, guesses = [0, 0, 1, 1, 1, -1], [0, 1, 1, 0, 1]
    for a, b in [(0, 0), (1, 0), (1, 1)]:
        one, two = (source.clone().requires_grad_() for _ in range(2))
        cluster_mmd(one, target, members(labels, 2), members(guesses, 2))[a, b].backward()
        MMDLoss()(two[[label == a for label in labels]], target[[guess == b for guess in guesses]]).backward()
        torch.testing.assert_close(one.grad, two.grad)


def test_clusters_of_equal_rows_and_empty_ones_are_finite() -> None:
    source = torch.ones(4, 3).requires_grad_()
    found = cluster_mmd(source, torch.ones(3, 3), members([0, 0, 1, -1]), members([0, 2, -1]))
    found.sum().backward()
    assert found.isfinite().all() and found.abs().max() < 1e-5
    assert source.grad is not None and source.grad.isfinite().all()
    assert not cluster_mmd(source, source, members([-1] * 4), members([0] * 4)).any()
