"""Where the classes of a domain lie: one centre each, which follows the features as they change.

AGRA (Xie et al., ACM MM 2020) gives every face a partner from the other domain: the centre that lies nearest.
The source has labels, so its centres are the means of its classes. The target has none; its centres are
those of k-means, and rows join the centre that is nearest to them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ferda.checks import check_shape
from ferda.distributed import gathered


class ClassMeans(nn.Module):
    """Centres of one domain, with the rows that wait to move them. All of it is saved.

    A centre collects rows; when it has more than `room` of them, it moves towards their mean and forgets
    them: `mu <- m mean + (1 - m) mu`. The first rows of a centre that was never seen place it. With several
    processes each must call `update` in every step, with equally many rows; all then hold the same centres.

    Args:
        classes: Number of centres `C`.
        width: Features `D` of a row.
        momentum: m.
        room: Rows that wait at most.
        is_scalar: The authors' program averages the waiting rows over their features, too, and so pulls every
            feature of a centre to one and the same number.

    Attributes:
        centres: (C, D).
        seen: (C,) whether a centre has a place yet.
        sums: (C, D) of the waiting rows.
        counts: (C,) how many wait.
    """

    centres: Tensor
    seen: Tensor
    sums: Tensor
    counts: Tensor

    def __init__(
        self, classes: int, width: int, momentum: float = 0.1, room: int = 32, is_scalar: bool = False
    ) -> None:
        super().__init__()
        self.momentum = momentum
        self.room = room
        self.is_scalar = is_scalar
        self.register_buffer("centres", torch.zeros(classes, width))
        self.register_buffer("seen", torch.zeros(classes, dtype=torch.bool))
        self.register_buffer("sums", torch.zeros(classes, width))
        self.register_buffer("counts", torch.zeros(classes))

    def start(self, rows: Tensor) -> None:
        """Place the centres by k-means (with k-means++), and let no row wait.

        Args:
            rows: (N, D) of the whole domain, the same in every process. With fewer rows than centres the
                last centres have no place.
        """
        from sklearn.cluster import KMeans

        check_shape(rows, "N D", "rows", D=self.centres.shape[1])
        count = min(len(rows), len(self.centres))
        found = KMeans(count, n_init=3, random_state=0).fit(rows.detach().float().cpu().numpy())
        self.centres[:count] = torch.from_numpy(found.cluster_centers_).to(self.centres)
        self.seen.copy_(torch.arange(len(self.seen), device=self.seen.device) < count)
        self.sums.zero_()
        self.counts.zero_()

    @torch.no_grad()
    def update(self, rows: Tensor, labels: Tensor | None = None) -> None:
        """Let rows wait at their centres, and move those that have enough.

        Args:
            rows: (B, D).
            labels: (B,) classes; None takes the nearest centre, and nothing happens before there is any.
        """
        check_shape(rows, "B D", "rows", D=self.centres.shape[1])
        rows = gathered(rows.detach().to(self.centres))
        places = self.nearest(rows) if labels is None else gathered(labels)
        ones = torch.ones_like(places, dtype=self.counts.dtype)
        if labels is None:
            ones = ones * self.seen.any()
        sums = self.sums.index_add(0, places, rows * ones.unsqueeze(1))
        counts = self.counts.index_add(0, places, ones)
        means = sums / counts.clamp_min(1).unsqueeze(1)
        if self.is_scalar:
            means = means.mean(1, keepdim=True).expand_as(means)
        is_new = ~self.seen & (counts > 0)
        is_full = self.seen & (counts > self.room)
        moved = torch.lerp(self.centres, means, self.momentum)
        self.centres = torch.where(_column(is_new), means, torch.where(_column(is_full), moved, self.centres))
        self.sums = sums.masked_fill(_column(is_new | is_full), 0)
        self.counts = counts.masked_fill(is_new | is_full, 0)
        self.seen = self.seen | is_new

    def nearest(self, rows: Tensor) -> Tensor:
        """Return (B,) int64, which centre lies nearest to each of (B, D) rows."""
        distances = (rows.unsqueeze(1) - self.centres.to(rows)).square().sum(2)  # (B, C)
        return distances.masked_fill(~self.seen, torch.inf).argmin(1)

    def forward(self, rows: Tensor) -> Tensor:
        """Return the (B, D) centres nearest to (B, D) rows, or the rows while there is no centre."""
        return torch.where(self.seen.any(), self.centres.to(rows)[self.nearest(rows)], rows.detach())


def _column(values: Tensor) -> Tensor:
    return values.unsqueeze(1)
