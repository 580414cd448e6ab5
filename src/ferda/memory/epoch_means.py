"""The mean of every class over the last epoch, to which the rows of this one are compared."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision


class EpochMeans(nn.Module):
    """Centres of the classes that stand still during an epoch, and sums that become the next epoch's.

    All of it is saved. With several processes each calls `remember` in every step, with equally many rows;
    all then hold the same.

    Args:
        classes: Number of classes `C`.
        width: Length of a row, `D`.

    Attributes:
        means: (C, D) of the last epoch in which a class had rows.
        known: (C,) bool, whether there was one.
        sums: (C, D) of this epoch's rows.
        counts: (C,) how many.
    """

    means: Tensor
    known: Tensor
    sums: Tensor
    counts: Tensor

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.zeros(classes, width))
        self.register_buffer("known", torch.zeros(classes, dtype=torch.bool))
        self.register_buffer("sums", torch.zeros(classes, width))
        self.register_buffer("counts", torch.zeros(classes))

    @torch.no_grad()
    def remember(self, rows: Tensor, labels: Tensor) -> None:
        """Add a batch to the sums.

        Args:
            rows: (B, D).
            labels: (B,) classes.
        """
        check_shape(rows, "B D", "rows", B=len(labels), D=self.sums.shape[1])
        rows = gathered(rows.detach().to(self.sums))
        members = functional.one_hot(gathered(labels), len(self.sums)).to(rows)
        with full_precision(rows):
            self.sums += members.T @ rows
        self.counts += members.sum(0)

    @torch.no_grad()
    def turn(self) -> None:
        """End the epoch: its means are the new centres; a class without rows keeps its old one."""
        is_new = self.counts > 0
        means = self.sums / self.counts.clamp_min(1).unsqueeze(1)
        self.means.copy_(torch.where(is_new.unsqueeze(1), means, self.means))
        self.known |= is_new
        self.sums.zero_()
        self.counts.zero_()

    def distance(self, rows: Tensor, labels: Tensor) -> Tensor:
        """Return `mean_i mean_d (f_id - mean_{y_i d})^2`; a row whose class is not known yet adds nothing.

        The mean over rows needs no other process's rows (local).

        Args:
            rows: (B, D), which learn.
            labels: (B,) classes.
        """
        errors = (rows.to(self.means) - self.means[labels]).square().mean(1)
        return (errors * self.known[labels]).mean()
