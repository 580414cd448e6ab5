"""How well each class is learnt, by how many target rows are predicted as it with confidence.

Zhang et al., "FlexMatch", NeurIPS 2021: every target row remembers the class it was last predicted as with
high confidence. A class's status is its number of rows divided by the largest number, or by the number of
rows that remember nothing while that is larger. AGLRLS keeps one table a head.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered

_NOTHING = -1


class LearningStatus(nn.Module):
    """Tables of remembered classes, and the status beta that follows from them. All of it is saved.

    The length of the tables is the size of the target domain: `start` sets it, and `load_state_dict` takes
    the length of what it loads. With several processes each must call `remember` in every step, with equally
    many rows; all then hold the same tables.

    Args:
        heads: Number of tables.
        classes: Number of classes `C`.

    Attributes:
        table: (heads, N) int16 remembered class, or -1.
        status: (heads, C) beta between 0 and 1, as of the last `refresh`.
    """

    table: Tensor
    status: Tensor

    def __init__(self, heads: int, classes: int) -> None:
        super().__init__()
        self.classes = classes
        self.register_buffer("table", torch.full((heads, 0), _NOTHING, dtype=torch.int16))
        self.register_buffer("status", torch.zeros(heads, classes))

    def start(self, rows: int) -> None:
        """Forget everything, for a target of so many rows."""
        self.table = self.table.new_full((len(self.table), rows), _NOTHING)
        self.status = torch.zeros_like(self.status)

    def counts(self) -> Tensor:
        """Return (heads, 1 + C): rows that remember nothing, then rows of each class."""
        columns = self.table.long() + 1
        counts = torch.zeros(len(columns), 1 + self.classes, dtype=torch.int64, device=columns.device)
        return counts.scatter_add_(1, columns, torch.ones_like(columns))

    def refresh(self) -> Tensor:
        """Recompute and return the status: `n_c / max(n_nothing, max_c n_c)`.

        A head of which every row remembers the same, or nothing, keeps its status.
        """
        counts = self.counts()
        most = counts.max(1, keepdim=True).values
        status = counts[:, 1:] / most.clamp_min(1)
        self.status = torch.where(most < self.table.shape[1], status.to(self.status), self.status)
        return self.status

    def remember(self, index: Tensor, labels: Tensor, certain: Tensor) -> None:
        """Write classes into the tables where they are certain; the rest stays as it was.

        Args:
            index: (B,) rows of the target domain.
            labels: (heads, B) predicted classes.
            certain: (heads, B) bool.
        """
        check_shape(labels, "K B", "labels", K=len(self.table), B=len(index))
        index, labels, certain = gathered(index), gathered(labels.T).T, gathered(certain.T).T
        if not self.table.shape[1]:
            raise ValueError("the table has no rows yet: call start(rows of the target) first")
        kept = torch.where(certain, labels.to(self.table.dtype), self.table[:, index])
        self.table[:, index] = kept

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        given = state.get(prefix + "table")
        if isinstance(given, Tensor) and given.ndim == 2:
            self.table = self.table.new_full((len(self.table), given.shape[1]), _NOTHING)
        super()._load_from_state_dict(state, prefix, *rest)
