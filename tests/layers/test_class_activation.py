from __future__ import annotations

import torch
from torch import nn
from torch.testing import assert_close

from ferda.layers.class_activation import class_activation


def by_gradient(maps: torch.Tensor, head: nn.Linear, chosen: torch.Tensor) -> torch.Tensor:
    """Grad-CAM as the paper writes it, picture by picture."""
    found = []
    for row, name in zip(maps, chosen.tolist(), strict=True):
        leaf = row.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(head(leaf.mean((1, 2)))[name], leaf)
        speaks = sum(w * a for w, a in zip(gradient.mean((1, 2)), row, strict=True)).clamp(min=0)
        speaks = speaks - speaks.min()
        found.append(speaks / speaks.max())
    return torch.stack(found)


def test_it_is_grad_cam() -> None:
    torch.manual_seed(0)
    maps, head = torch.rand(5, 6, 4, 3, dtype=torch.float64), nn.Linear(6, 3).double()
    chosen = torch.tensor([0, 2, 1, 1, 0])
    found = class_activation(maps, head.weight, chosen)
    assert found.amax((1, 2)).tolist() == [1] * 5
    assert_close(found, by_gradient(maps, head, chosen))


def test_nothing_that_speaks_gives_zeros() -> None:
    maps = torch.ones(2, 3, 4, 4)
    found = class_activation(maps, torch.tensor([[-1.0, -1, -1], [1, 1, 1]]), torch.tensor([0, 1]))
    assert found.isfinite().all() and found.abs().max() == 0
