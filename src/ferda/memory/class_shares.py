"""How frequent each class is in the source, and is guessed to be in the target.

The expressions of two data sets seldom have the same shares. A source row that weighs the ratio of its
class's shares stands for as many faces as there are of its kind in the target (Li and Deng, DETN, ICPR 2018).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.distributed import gathered


class ClassShares(nn.Module):
    """Counts of the source's classes, as its batches have them, and of those guessed for the target.

    All of it is saved. With several processes each calls `count` in every step, with equally many rows; all
    then hold the same.

    Args:
        classes: Number of classes `C`.

    Attributes:
        source: (C,) rows of each class that batches have had.
        target: (C,) rows of each guessed class; equal ones before there is a guess.
    """

    source: Tensor
    target: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("source", torch.zeros(classes))
        self.register_buffer("target", torch.ones(classes))

    def count(self, labels: Tensor) -> None:
        """Take in a batch of the source.

        Args:
            labels: (B,) classes, or (B, C) shares.
        """
        rows = gathered(labels)
        members = rows if rows.ndim == 2 else functional.one_hot(rows, len(self.source))
        self.source = self.source + members.sum(0)

    def log_prior(self) -> Tensor:
        """Return (C,) logarithms of the source's shares, as if each class had been seen once more."""
        counts = self.source + 1
        return (counts / counts.sum()).log()

    def guess(self, labels: Tensor) -> None:
        """Replace what is known of the target.

        Args:
            labels: (N,) guessed classes of all its rows, the same in every process.
        """
        self.target = functional.one_hot(labels, len(self.target)).sum(0).to(self.target)

    def weights(self, labels: Tensor) -> Tensor:
        """Return (B,): of each row's class, the share in the target by that in the source.

        Args:
            labels: (B,) classes, which were counted.
        """
        shares = [counts / counts.sum() for counts in (self.target, self.source)]
        return shares[0][labels] / shares[1][labels]
