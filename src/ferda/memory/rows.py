"""What a training remembers of each face of the target, and which faces look alike to it.

A method that adapts without source faces leans on the target as a whole, of which a batch shows little. So it
keeps a table with a row for every face: the label it gave it, or the features and answers of its last visit.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ferda.checks import check_shape
from ferda.distributed import gathered
from ferda.layers.full_precision import full_precision


class RowMemory(nn.Module):
    """Tables with a row for each face of the target. All of it is saved.

    The length of the tables is the size of the target domain: `fill` sets it, and `load_state_dict` takes the
    length of what it loads. With several processes each must call `write` in every step, with equally many
    rows; all then hold the same tables. A method names its memory in `training_only`: features of somebody's
    faces are no part of a model that is handed on.

    Args:
        **tables: By name, without a row yet: (0, *), of the type and width that rows will have.
    """

    def __init__(self, **tables: Tensor) -> None:
        super().__init__()
        for name, table in tables.items():
            self.register_buffer(name, table)

    def fill(self, **tables: Tensor) -> None:
        """Forget everything, and remember these rows.

        Args:
            **tables: Every table by name, (N, *) in the order of the target's rows.
        """
        for name, former in list(self.named_buffers()):
            setattr(self, name, tables[name].detach().to(former, copy=True))

    def write(self, index: Tensor, **rows: Tensor) -> None:
        """Replace the rows of a batch.

        Args:
            index: (B,) rows of the target domain.
            **rows: Every table by name, (B, *).
        """
        places = gathered(index)
        for name, table in self.named_buffers():
            table[places] = gathered(rows[name].detach().to(table))

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name, table in list(self.named_buffers()):
            given = state.get(prefix + name)
            if isinstance(given, Tensor) and given.shape[1:] == table.shape[1:]:
                setattr(self, name, table.new_empty(given.shape))
        super()._load_from_state_dict(state, prefix, *rest)


class FeatureBank(RowMemory):
    """Features and answers of every face of the target, as of its last visit.

    Args:
        width: Features `D` of a row.
        classes: Number of classes `C`.

    Attributes:
        features: (N, D) of length one.
        probabilities: (N, C).
    """

    features: Tensor
    probabilities: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__(features=torch.zeros(0, width), probabilities=torch.zeros(0, classes))

    def nearest(self, features: Tensor, index: Tensor, count: int) -> Tensor:
        """Return (B, count) rows of the bank whose features have the largest cosine with each of a batch.

        A face is no neighbour of its own; of a target with fewer others, all are returned.

        Args:
            features: (B, D), of any length.
            index: (B,) rows of the target domain that they are of.
            count: Neighbours of each.

        Raises:
            ValueError: If the bank is empty.
        """
        if not len(self.features):
            raise ValueError("the bank has no rows yet: fill it from the whole target first")
        check_shape(features, "B D", "features", B=len(index), D=self.features.shape[1])
        with full_precision(features):
            cosines = functional.normalize(features.detach().to(self.features)) @ self.features.T  # (B, N)
        cosines.scatter_(1, index.unsqueeze(1), -torch.inf)
        return cosines.topk(min(count, len(self.features) - 1), dim=1).indices
