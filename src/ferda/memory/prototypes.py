"""One running mean of the features of every class, for every domain."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision


class Prototypes(nn.Module):
    """`c <- momentum c + (1 - momentum) mean of the class's rows`, for the classes that a batch has.

    The first batch that has a class gives its prototype as it is. All of it is saved. With several processes
    each calls `update` in every step, with equally many rows; all then hold the same.

    Args:
        domains: Number of domains, each with prototypes of its own.
        classes: Number of classes `C`.
        width: Length of a row, `D`.
        momentum: Share of the old prototype that stays (DUML: 0.5).

    Attributes:
        means: (domains, C, D).
        known: (domains, C) bool, whether the class was met.
    """

    means: Tensor
    known: Tensor

    def __init__(self, domains: int, classes: int, width: int, momentum: float = 0.5) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("means", torch.zeros(domains, classes, width))
        self.register_buffer("known", torch.zeros(domains, classes, dtype=torch.bool))

    @torch.no_grad()
    def update(self, domain: int, features: Tensor, labels: Tensor) -> None:
        """Move a domain's prototypes towards the class means of a batch.

        Args:
            domain: Its number.
            features: (B, D).
            labels: (B,) classes.
        """
        check_shape(features, "B D", "features", B=len(labels), D=self.means.shape[2])
        rows = gathered(features.detach()).to(self.means)
        members = functional.one_hot(gathered(labels), self.means.shape[1]).to(rows)
        counts = members.sum(0).unsqueeze(1)
        with full_precision(rows):
            new = members.T @ rows / counts.clamp_min(1)
        old = self.means[domain]
        moved = torch.where(
            self.known[domain].unsqueeze(1), self.momentum * old + (1 - self.momentum) * new, new
        )
        self.means[domain] = torch.where(counts > 0, moved, old)
        self.known[domain] |= counts.squeeze(1) > 0

    def distance(self, domain: int, features: Tensor, labels: Tensor) -> Tensor:
        """Return `mean_i mean_d (c_{y_i} - f_i)^2`, the centre loss.

        A row of a class that was not met yet adds nothing. The mean over rows needs no other process's rows
        (local).

        Args:
            domain: Whose prototypes.
            features: (B, D), which learn.
            labels: (B,) classes.
        """
        rows = features.to(self.means)
        errors = (self.means[domain][labels] - rows).square().mean(1)
        return (errors * self.known[domain][labels]).mean()
