"""A network that is small enough to be computed by hand, in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from ferda.batch import Labelled, Output
from ferda.methods.base import Method, MethodConfig
from ferda.test_time.base import SourceKnowledge

CLASSES = 3
NORMS: dict[str, Callable[[], nn.Module]] = {
    "batch": lambda: nn.BatchNorm2d(4),
    "group": lambda: nn.GroupNorm(2, 4),
    "none": nn.Identity,
}


class Tiny(Method):
    """Convolution, norm, ReLU, mean over the map, linear head."""

    def __init__(self, norm: str = "batch") -> None:
        super().__init__(MethodConfig(), CLASSES)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = NORMS[norm]()
        self.head = nn.Linear(4, CLASSES)

    def forward(self, images: Tensor, landmarks: Tensor | None = None) -> Output:
        features = self.norm(self.conv(images)).relu().mean((2, 3))
        return Output(self.head(features), features)


def make_tiny(norm: str = "batch") -> Tiny:
    """A network whose batch norm has seen some data, with answers that are neither sure nor unsure."""
    torch.manual_seed(3)
    method = Tiny(norm).double()
    method.train()
    for _ in range(20):
        method(torch.randn(8, 3, 6, 6, dtype=torch.float64))
    with torch.no_grad():
        method.head.weight.mul_(15)
        method.head.bias.copy_(
            -method.head.weight @ torch.cat([method(x).features for x in stream()]).mean(0)
        )
    return method.eval()


def stream(batches: int = 3, rows: int = 8, seed: int = 1) -> list[Tensor]:
    """Batches of another camera: brighter, and with more contrast."""
    generator = torch.Generator().manual_seed(seed)
    return [
        2 * torch.randn(rows, 3, 6, 6, generator=generator, dtype=torch.float64) + 0.7 for _ in range(batches)
    ]


def answer_by_hand(
    method: Tiny,
    images: Tensor,
    scale: Tensor,
    shift: Tensor,
    mean: Tensor | None = None,
    var: Tensor | None = None,
) -> Tensor:
    """Logits with given affine parameters; statistics of the batch unless others are given."""
    maps = method.conv(images)
    if mean is None or var is None:
        columns = [maps[:, channel] for channel in range(4)]
        mean = torch.stack([column.sum() / column.numel() for column in columns])
        var = torch.stack([((c - c.mean()) ** 2).sum() / c.numel() for c in columns])
    parts = [
        scale[c] * (maps[:, c] - mean[c]) / (var[c] + method.norm.eps) ** 0.5 + shift[c] for c in range(4)
    ]
    features = torch.stack([part.clamp_min(0).mean((1, 2)) for part in parts], 1)
    return features @ method.head.weight.T + method.head.bias


def entropy_by_hand(logits: Tensor) -> Tensor:
    """(B,) in nats."""
    powers = logits.exp()
    shares = powers / powers.sum(1, keepdim=True)
    return torch.stack([-sum(p * p.log() for p in row) for row in shares])


def held_out(rows: int = 24) -> Callable[[], Iterator[Labelled]]:
    """What knows the source: three batches with labels."""
    images = torch.cat(stream(3, rows // 3, seed=9)) / 2
    labels = torch.arange(rows) % CLASSES

    def batches() -> Iterator[Labelled]:
        return (Labelled(images[i : i + 8], labels[i : i + 8]) for i in range(0, rows, 8))

    return batches


@pytest.fixture(scope="session")
def hand() -> SimpleNamespace:
    """The functions above, and what knows the source."""
    shares = np.full(CLASSES, 1 / CLASSES)
    return SimpleNamespace(
        tiny=make_tiny,
        stream=stream,
        answer=answer_by_hand,
        entropy=entropy_by_hand,
        held_out=held_out,
        source=SourceKnowledge(("anger", "fear", "neutral"), shares, held_out()),
    )


@pytest.fixture
def tiny() -> Tiny:
    """The network with batch norm."""
    return make_tiny()
