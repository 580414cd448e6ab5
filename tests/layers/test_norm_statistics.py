"""Batch norm's statistics on other data: by hand, and nothing else moves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.layers.norm_statistics import with_statistics_of


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)
        self.drop = nn.Dropout(0.5)
        self.idle = nn.BatchNorm1d(4)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Tensor:
        return self.drop(self.norm(images))


def test_statistics_are_those_of_the_data() -> None:
    net = Net().train()
    net(torch.randn(8, 3, 4, 4) * 5 + 9)
    kept = {name: value.clone() for name, value in net.state_dict().items()}
    batches = [torch.randn(6, 3, 4, 4) + shift for shift in (1.0, 3.0)]
    adapted = with_statistics_of(net, [(batch, None) for batch in [*batches, torch.randn(1, 3, 4, 4)]])
    means = torch.stack([batch.mean((0, 2, 3)) for batch in batches]).mean(0)
    variances = torch.stack([batch.var((0, 2, 3)) for batch in batches]).mean(0)
    assert torch.allclose(adapted.norm.running_mean, means, atol=1e-5)
    assert torch.allclose(adapted.norm.running_var, variances, atol=1e-5)
    assert not any(module.training for module in adapted.modules())
    assert adapted.norm.momentum == net.norm.momentum
    # the network itself stays as it was
    assert net.training
    assert all(torch.equal(value, kept[name]) for name, value in net.state_dict().items())


def test_without_rows_everything_stays() -> None:
    net = Net()
    net(torch.randn(8, 3, 4, 4))
    for batches in ([], [(torch.randn(1, 3, 4, 4), None)]):
        adapted = with_statistics_of(net, batches)
        assert all(
            torch.equal(a, b)
            for a, b in zip(adapted.state_dict().values(), net.state_dict().values(), strict=True)
        )


def test_few_rows_are_mixed_with_what_was_known() -> None:
    net = Net().train()
    net(torch.randn(8, 3, 4, 4) * 5 + 9)
    batch = torch.randn(6, 3, 4, 4) + 2
    mixed = with_statistics_of(net, [(batch, None)], source_rows=18).norm
    for name, seen in (("mean", batch.mean((0, 2, 3))), ("var", batch.var((0, 2, 3)))):
        former = net.norm.get_buffer(f"running_{name}")
        assert torch.allclose(mixed.get_buffer(f"running_{name}"), 0.75 * former + 0.25 * seen, atol=1e-5)
