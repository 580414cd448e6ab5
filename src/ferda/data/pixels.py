"""Where a step's pixels come from: the packs on disk, or a copy of them that stays on the training device.

Either way they are the same bytes. From disk, a batch is gathered by the processor and sent to the device. A
resident copy takes N x H x W x 3 bytes there (28,000 faces of 48 pixels: 0.2 GB, of 112 pixels: 1.1 GB), and
a step then sends row numbers only.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from ferda.data.device import free_bytes, sent
from ferda.data.domain import Domain, UnlabelledDomain
from ferda.errors import UserError

#: Pictures sent at once while a resident copy is made.
_TOGETHER = 1024
#: Share of the free memory that a resident copy may take; activations and gradients need the rest.
_SHARE = 0.8


class Pixels:
    """Pictures of domains, rows numbered through.

    Args:
        pool: The domains, all with pictures of one size.
        device: Where batches are wanted.
        resident: Keep a copy of all pictures there, made when the first batch is asked for.
    """

    def __init__(
        self, pool: Sequence[Domain | UnlabelledDomain], device: torch.device, *, resident: bool = False
    ) -> None:
        self.pool = tuple(pool)
        self.device = device
        self.resident = resident
        self.starts = np.cumsum([0, *(len(domain) for domain in pool)])

    def gather(self, rows: np.ndarray) -> Tensor:
        """Return pictures.

        Args:
            rows: (B,) positions among all rows of the pool.

        Returns:
            (B, H, W, 3) uint8 on the device.

        Raises:
            UserError: If a resident copy is wanted and does not fit.
        """
        if self.resident:
            return self._copy.index_select(0, sent(torch.from_numpy(rows), self.device))
        return sent(torch.from_numpy(self._read(rows)), self.device)

    @cached_property
    def _copy(self) -> Tensor:
        count, size = int(self.starts[-1]), self.pool[0].size
        need, free = count * size * size * 3, free_bytes(self.device)
        if free is not None and need > _SHARE * free:
            names = ", ".join(f"'{domain.name}'" for domain in self.pool)
            raise UserError(
                f"data.resident would put {need / 1e9:.2f} GB of pictures ({names}) on {self.device}, where "
                f"{_SHARE * free / 1e9:.2f} GB may be used; set data.resident=false or prepare them smaller."
            )
        copy = torch.empty((count, size, size, 3), dtype=torch.uint8, device=self.device)
        for start in range(0, count, _TOGETHER):
            rows = np.arange(start, min(start + _TOGETHER, count))
            copy[start : start + len(rows)] = torch.from_numpy(self._read(rows))
        return copy

    def _read(self, rows: np.ndarray) -> np.ndarray:
        if len(self.pool) == 1:
            return self.pool[0].gather(rows)
        size = self.pool[0].size
        images = np.empty((len(rows), size, size, 3), np.uint8)
        for domain, start, end in zip(self.pool, self.starts, self.starts[1:], strict=False):
            here = (rows >= start) & (rows < end)
            images[here] = domain.gather(rows[here] - start)
        return images
