"""From domains to the batches of a training step, and to the batches of an evaluation.

A batch follows from (seed, step) alone: which rows, and which chance their views took. Pictures leave the
pack as bytes, one gather for each domain, and are made into views on the model's device.

How sources share the steps: `joint` gives every source a batch in every step; `pooled` treats all sources as
one set, whose batch is the only entry of `DomainBatch.sources`; `round_robin` gives step `s` to source number
`s % S`. The target has a fresh batch in every step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, Protocol

import numpy as np
import torch

from ferda.batch import DomainBatch, Unlabelled
from ferda.data.ahead import Ahead
from ferda.data.balance import SourceBalance, balanced_by
from ferda.data.device import sent
from ferda.data.domain import Domain, UnlabelledDomain
from ferda.data.feed import Feed
from ferda.data.normalise import Channels, Normalise
from ferda.data.pixels import Pixels
from ferda.data.stream import Stream, seed_of
from ferda.data.view_options import View
from ferda.data.views import Views

Sampling = Literal["joint", "pooled", "round_robin"]


class DomainLoader:
    """Batches for training.

    Args:
        sources: Labelled domains; none for a method without sources.
        target: The target, which has no labels; None for a stage without one.
        batch: Rows of a source in a step, over all processes; of all sources together if they are pooled.
        target_batch: Rows of the target in a step; `batch` if None.
        sampling: How the sources share the steps.
        balance: How classes or quadrants of a source share its rows; see `Stream` and `balanced_by`.
        cap: For `class_cap` and `quadrant_cap`, rows of each in a pass.
        weak: View of all training pictures: settings or a preset's name.
        strong: Second view of the target's pictures; None for none.
        normalise: What follows the views; a name or the thing itself.
        size: Side of the pictures in pixels; None takes the first domain's.
        seed: Decides rows and views.
        rank: Number of this process.
        world: Number of processes; must divide the batches.
        device: Where views are made.
        resident: Keep the pictures of all domains there, as bytes.
        ahead: Make the next batch in the background; None does so for a GPU.

    Raises:
        ValueError: If nothing is to be loaded, or the domains have different classes.
        UserError: If quadrants are to share the rows of a source without valence and arousal.
    """

    def __init__(
        self,
        sources: Sequence[Domain],
        target: UnlabelledDomain | None,
        *,
        batch: int,
        target_batch: int | None = None,
        sampling: Sampling = "joint",
        balance: SourceBalance = "none",
        cap: int | None = None,
        weak: View | str = "weak",
        strong: View | str | None = None,
        normalise: Normalise | str = "imagenet",
        size: int | None = None,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
        resident: bool = False,
        ahead: bool | None = None,
    ) -> None:
        if not sources and target is None:
            raise ValueError("a loader needs a source or a target")
        if len({tuple(source.classes) for source in sources}) > 1:
            raise ValueError("all sources must have the same classes in the same order")
        self.sources = tuple(sources)
        self.target = target
        self.sampling = sampling
        self.device = torch.device(device)
        self.normalise = Normalise.named(normalise) if isinstance(normalise, str) else normalise
        self.size = size or (self.sources[0].size if target is None else target.size)
        view = Views(weak, self.size)
        pools = [self.sources] if sampling == "pooled" and sources else [(source,) for source in sources]
        self._sources = []
        # the target is number 0, so that its rows and views stay the same whatever the sources are
        for number, pool in enumerate(pools, start=1):
            kinds, rule = balanced_by(pool, balance)
            stream = Stream(kinds, batch, seed_of(seed, number), rule, cap, rank=rank, world=world)
            self._sources.append(Feed(pool, stream, view, None, self.normalise, self.device, resident))
        self._target = None
        if target is not None:
            stream = Stream(len(target), target_batch or batch, seed_of(seed, 0), rank=rank, world=world)
            second = None if strong is None else Views(strong, self.size, weak)
            self._target = Feed((target,), stream, view, second, self.normalise, self.device, resident)
        self._ahead = Ahead() if (self.device.type == "cuda" if ahead is None else ahead) else None

    def batch(self, step: int) -> DomainBatch:
        """Return this process's part of a step's batch.

        Args:
            step: From 0.
        """
        return self._make(step) if self._ahead is None else self._ahead(self._make, step)

    def _make(self, step: int) -> DomainBatch:
        sources = tuple(feed.labelled(turn) for feed, turn in self._turns(step))
        target = None if self._target is None else self._target.unlabelled(step)
        turn = step % len(self._sources) if self.sampling == "round_robin" and self._sources else 0
        return DomainBatch(sources, target, turn)

    def files(self, step: int) -> list[str]:
        """Return what pictures this process's part of a batch holds, for messages.

        Args:
            step: From 0.
        """
        turns = self._turns(step) + ([] if self._target is None else [(self._target, step)])
        return [name for feed, turn in turns for name in feed.names(turn)]

    def epoch_steps(self, steps: int | Literal["longest", "sources"] = "longest") -> int:
        """Return how many steps make an epoch, at least one.

        Args:
            steps: A number; `longest` for the full batches of whichever domain has most of them; `sources`
                for those of the source that has most.
        """
        if isinstance(steps, int):
            return steps
        rounds = len(self._sources) if self.sampling == "round_robin" else 1
        counts = [rounds * feed.full_batches for feed in self._sources]
        if self._target is not None and (steps == "longest" or not counts):
            counts.append(self._target.full_batches)
        return max(1, *counts)

    def target_view(self, batch: int = 128) -> WholeDomain:
        """Return the whole target without augmentation, as `Method.begin_epoch` may see it.

        Args:
            batch: Pictures at a time.

        Raises:
            ValueError: If there is no target.
        """
        if self.target is None or self._target is None:
            raise ValueError("this loader has no target")
        return WholeDomain(self.target, self.size, self.normalise, batch=batch, pixels=self._target.pixels)

    def _turns(self, step: int) -> list[tuple[Feed, int]]:
        """Which sources a step shows, and their own step numbers."""
        if self.sampling != "round_robin" or not self._sources:
            return [(feed, step) for feed in self._sources]
        turn, source = divmod(step, len(self._sources))
        return [(self._sources[source], turn)]


class WholeDomain:
    """Every row of a domain once, in order, without augmentation and without labels.

    Args:
        domain: Whose pictures are shown.
        size: Side in pixels.
        normalise: As in training.
        rows: Positions within the domain; None takes all.
        batch: Pictures at a time.
        device: Where the pictures go.
        pixels: Gives the domain's pictures on a device; None reads them from the pack onto `device`.
    """

    def __init__(
        self,
        domain: Domain | UnlabelledDomain,
        size: int,
        normalise: Normalise,
        *,
        rows: np.ndarray | None = None,
        batch: int = 128,
        device: torch.device | str = "cpu",
        pixels: Pixels | None = None,
    ) -> None:
        self.rows = np.arange(len(domain)) if rows is None else np.asarray(rows)
        self.batch = batch
        self._pixels = pixels or Pixels((domain,), torch.device(device))
        points = domain.landmarks
        self._landmarks = torch.from_numpy(points) if np.isfinite(points).any() else None
        self._view = Views("none", size)
        self._normalise = normalise

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self) -> Iterator[Unlabelled]:
        """Yield the rows in order; the last batch may be smaller."""
        device = self._pixels.device
        for start in range(0, len(self.rows), self.batch):
            index = self.rows[start : start + self.batch]
            points = None if self._landmarks is None else sent(self._landmarks[index], device)
            still = torch.zeros(len(index), self._view.columns)
            pictures, moved = self._view.apply(self._pixels.gather(index), points, still)
            yield Unlabelled(self._normalise(pictures), moved, sent(torch.from_numpy(index), device))


class Shown(Protocol):
    """How pictures are shown to a model: the part of its preprocessing that follows the crop."""

    @property
    def size(self) -> int:
        """Side in pixels."""

    @property
    def mean(self) -> tuple[float, float, float]:
        """Subtracted from values in 0 to 1."""

    @property
    def std(self) -> tuple[float, float, float]:
        """Divisor after that."""

    @property
    def channels(self) -> Channels:
        """Order of colours."""


def evaluation_batches(
    domain: Domain | UnlabelledDomain,
    preprocessing: Shown,
    rows: np.ndarray | None = None,
    *,
    batch: int = 128,
    device: torch.device | str = "cpu",
) -> Iterator[Unlabelled]:
    """Yield a domain's pictures in order, as a model was trained to see them.

    Args:
        domain: With labels or without; the batches have none.
        preprocessing: Size, mean and deviation.
        rows: Positions within the domain; None takes all.
        batch: Pictures at a time.
        device: Where the pictures go.
    """
    normalise = Normalise(preprocessing.mean, preprocessing.std, preprocessing.channels)
    return WholeDomain(domain, preprocessing.size, normalise, rows=rows, batch=batch, device=device).batches()
