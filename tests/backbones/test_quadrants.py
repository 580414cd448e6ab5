from __future__ import annotations

import pytest
import torch

from ferda.backbones.quadrants import AttentionTower, AttentionUnit, QuadrantBranch, quadrants
from ferda.errors import UserError


def test_quadrants_are_in_order_and_lose_nothing() -> None:
    x = torch.arange(5 * 3.0).reshape(1, 1, 5, 3)
    parts = quadrants(x)
    assert [tuple(part.shape[2:]) for part in parts] == [(2, 1), (2, 2), (3, 1), (3, 2)]
    assert torch.equal(torch.cat([torch.cat(parts[:2], 3), torch.cat(parts[2:], 3)], 2), x)
    with pytest.raises(ValueError, match="1x4"):
        quadrants(torch.zeros(1, 1, 1, 4))


@pytest.mark.parametrize(("towers", "shared"), [(2, True), (4, False)])
def test_left_quadrants_share_a_tower_and_right_ones_another(towers: int, shared: bool) -> None:
    torch.manual_seed(0)
    branch = QuadrantBranch(6, width=8, units=1, towers=towers, kernel=7).eval()  # type: ignore[arg-type]
    part = torch.randn(1, 6, 4, 4)
    features, attention = branch(torch.cat([torch.cat([part, part], 3)] * 2, 2))
    top_left, top_right, bottom_left, bottom_right = features.split(8, 1)
    assert torch.equal(top_left, bottom_left) == shared == torch.equal(top_right, bottom_right)
    assert not torch.equal(top_left, top_right)
    assert branch.width == 32 and attention.shape == (1, 4, 4)


def test_batch_norm_sees_each_quadrant_by_itself_in_training() -> None:
    branch = QuadrantBranch(6, width=8, units=1, kernel=7).train()
    branch(torch.randn(3, 6, 8, 8))
    norm = branch.towers[0].get_submodule("stages.0.0.residual.1")
    assert int(norm.num_batches_tracked) == 2


def test_a_tower_halves_the_map_once_a_stage() -> None:
    tower = AttentionTower(6, (8, 16), (2, 1), kernel=7).eval()
    features, attention = tower(torch.randn(2, 6, 12, 12))
    assert features.shape == (2, tower.width) == (2, 16) and attention.shape == (2, 3, 3)


def test_settings_that_do_not_fit_are_a_sentence() -> None:
    with pytest.raises(UserError, match="a width and a number of units"):
        AttentionTower(6, (8, 16), (2,))
    with pytest.raises(UserError, match="odd width, got 4"):
        AttentionUnit(8, 8, kernel=4)


def test_a_unit_without_stride_keeps_its_input_as_shortcut() -> None:
    unit = AttentionUnit(8, 8, kernel=7)
    assert isinstance(unit.shortcut, torch.nn.Identity)
    assert not isinstance(AttentionUnit(8, 16, kernel=7).shortcut, torch.nn.Identity)
    maps, places = unit(torch.randn(2, 8, 5, 5))
    assert maps.shape == (2, 8, 5, 5) and (maps >= 0).all() and places.shape == (2, 5, 5)
