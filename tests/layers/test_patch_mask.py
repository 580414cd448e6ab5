from __future__ import annotations

import torch

from ferda.layers.patch_mask import PatchMask


def test_fields_are_hidden_as_a_whole_and_for_each_picture_anew() -> None:
    torch.manual_seed(0)
    images = 1 + torch.rand(64, 3, 12, 8)
    masked = PatchMask(fields=4, ratio=0.7)(images)
    shown = masked != 0
    assert torch.equal(masked[shown], images[shown])
    fields = shown.unflatten(2, (4, 3)).unflatten(4, (4, 2))  # (B, 3, 4, 3, 4, 2)
    assert torch.equal(fields.amin((1, 3, 5)), fields.amax((1, 3, 5)))
    patterns = fields[:, 0, :, 0, :, 0].flatten(1).unique(dim=0)
    assert len(patterns) > 50
    assert abs(shown.float().mean().item() - 0.3) < 0.05


def test_a_side_that_is_no_multiple_is_covered() -> None:
    assert not PatchMask(fields=4, ratio=1.0)(torch.ones(2, 3, 10, 7)).any()
    assert torch.equal(PatchMask(fields=4, ratio=0.0)(torch.ones(2, 3, 10, 7)), torch.ones(2, 3, 10, 7))
