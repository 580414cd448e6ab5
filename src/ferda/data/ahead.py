"""The next batch, made while the model learns from this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from ferda.batch import DomainBatch


class Ahead:
    """Calls a function for one step more than was asked for, in a thread of its own.

    A batch follows from its step alone, so it is the same whoever makes it and when. The thread queues its
    work on a GPU behind that of the training, in one line, so neither sees the other's half-made tensors.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "ferda-batch")
        self._next: dict[int, Future[DomainBatch]] = {}

    def __call__(self, make: Callable[[int], DomainBatch], step: int) -> DomainBatch:
        """Return the batch of a step, and begin with the one after it.

        Args:
            make: Makes the batch of a step; not kept, since a loader holds this object.
            step: From 0; after another than the last one's successor, the batch is made on the spot.
        """
        this = self._next.get(step) or self._thread.submit(make, step)
        self._next = {step + 1: self._thread.submit(make, step + 1)}
        return this.result()
