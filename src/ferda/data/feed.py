"""One stream of rows made into pictures: gather the bytes, move them to the device, make the views."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from ferda.batch import Labelled, Unlabelled
from ferda.data.device import sent
from ferda.data.domain import Domain, UnlabelledDomain
from ferda.data.normalise import Normalise
from ferda.data.pixels import Pixels
from ferda.data.stream import Stream, seed_of
from ferda.data.views import Views
from ferda.errors import UserError


class Feed:
    """Pictures of one domain, or of several as one set, step by step.

    Args:
        pool: The domains, whose rows are numbered through.
        stream: Which rows a step shows.
        view: Of all pictures.
        second: A strong view of the same pictures; None for none.
        normalise: What follows the views.
        device: Where views are made.
        resident: Keep the pictures there.

    Raises:
        UserError: If pooled domains have pictures of different sizes.
    """

    def __init__(
        self,
        pool: Sequence[Domain] | Sequence[UnlabelledDomain],
        stream: Stream,
        view: Views,
        second: Views | None,
        normalise: Normalise,
        device: torch.device,
        resident: bool = False,
    ) -> None:
        sizes = {domain.name: domain.size for domain in pool}
        if len(set(sizes.values())) > 1:
            named = ", ".join(f"'{name}' {size}" for name, size in sizes.items())
            raise UserError(f"Pooled sources need pictures of one size ({named} pixels); prepare them alike.")
        self.pool = tuple(pool)
        self.stream = stream
        self.view = view
        self.second = second
        self.normalise = normalise
        self.device = device
        self.pixels = Pixels(pool, device, resident=resident)
        points = np.concatenate([domain.landmarks for domain in pool])
        self._landmarks = points if np.isfinite(points).any() else None
        known = [domain for domain in pool if isinstance(domain, Domain)]
        self._labels = _labels(known)
        self._affect = _affect(known)

    @property
    def full_batches(self) -> int:
        """Full batches in one pass."""
        return self.stream.pass_length // self.stream.batch

    def labelled(self, step: int) -> Labelled:
        """Return this process's rows of a step with their labels.

        Args:
            step: Of the stream.
        """
        assert self._labels is not None
        rows = self.stream.rows(step)
        images, landmarks, _ = self._views(rows, step, None)
        labels = sent(torch.from_numpy(self._labels[rows]), self.device)
        affect = None if self._affect is None else sent(torch.from_numpy(self._affect[rows]), self.device)
        return Labelled(images, labels, landmarks, sent(torch.from_numpy(rows), self.device), affect)

    def unlabelled(self, step: int) -> Unlabelled:
        """Return this process's rows of a step without labels.

        Args:
            step: Of the stream.
        """
        rows = self.stream.rows(step)
        images, landmarks, strong = self._views(rows, step, self.second)
        return Unlabelled(images, landmarks, sent(torch.from_numpy(rows), self.device), *strong)

    def names(self, step: int) -> list[str]:
        """Return files of labelled rows, row numbers of others, each with its domain's name.

        Args:
            step: Of the stream.
        """
        rows = self.stream.rows(step)
        starts = self.pixels.starts
        owners = np.searchsorted(starts, rows, "right") - 1
        places = zip(owners.tolist(), (rows - starts[owners]).tolist(), strict=True)
        return [_name(self.pool[owner], position) for owner, position in places]

    def _views(
        self, rows: np.ndarray, step: int, second: Views | None
    ) -> tuple[Tensor, Tensor | None, tuple[Tensor | None, Tensor | None]]:
        images = self.pixels.gather(rows)
        points = self._landmarks
        landmarks = None if points is None else sent(torch.from_numpy(points[rows]), self.device)
        # chance is drawn for the whole batch, so that its pictures do not depend on the number of processes
        generator = Generator().manual_seed(seed_of(self.stream.seed, step))
        draws = (second or self.view).draw(self.stream.batch, generator)
        draws = draws[self.stream.rank * len(rows) : (self.stream.rank + 1) * len(rows)]
        pictures, moved = self.view.apply(images, landmarks, draws)
        strong: tuple[Tensor | None, Tensor | None] = (None, None)
        if second is not None:
            distorted, followed = second.apply(images, landmarks, draws)
            strong = self.normalise(distorted), followed
        return self.normalise(pictures), moved, strong


def _labels(pool: Sequence[Domain]) -> np.ndarray | None:
    """Class positions, or, if any domain has soft labels, (n, C) rows for all of them."""
    if not pool:
        return None
    hard, soft = [domain.labels() for domain in pool], [domain.soft_labels() for domain in pool]
    if all(rows is None for rows in soft):
        return np.concatenate(hard)
    certain = np.eye(len(pool[0].classes), dtype=np.float32)
    return np.concatenate(
        [certain[labels] if rows is None else rows for labels, rows in zip(hard, soft, strict=True)]
    )


def _affect(pool: Sequence[Domain]) -> np.ndarray | None:
    """(n, 2) valence and arousal, NaN for all rows of a domain without; None if no domain has any."""
    found = [domain.affect() for domain in pool]
    if all(rows is None for rows in found):
        return None
    return np.concatenate(
        [
            np.full((len(domain), 2), np.nan, np.float32) if rows is None else rows
            for domain, rows in zip(pool, found, strict=True)
        ]
    )


def _name(domain: Domain | UnlabelledDomain, position: int) -> str:
    if isinstance(domain, Domain):
        return f"{domain.name}: {domain.manifest['file'].iloc[position]}"
    return f"{domain.name}: row {domain.rows[position]}"
