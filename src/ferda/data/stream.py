"""Endless streams of row numbers: which rows of a domain a training step sees.

A stream keeps no state. `rows(step)` follows from (seed, step) alone, so a run that was killed continues with
the very rows it would have seen, and every process of a run knows the whole batch and takes its part of it.
A domain that is smaller than a batch simply starts again within it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Balance = Literal["none", "class_balanced", "class_cap"]
Rows = NDArray[np.int64]


def seed_of(*numbers: int) -> int:
    """Return one seed made of several numbers, unrelated to that of any other numbers.

    Args:
        *numbers: Not negative.
    """
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def shuffled(count: int, *numbers: int) -> Rows:
    """Return the permutation of `count` things that belongs to these numbers.

    Args:
        count: How many.
        *numbers: Not negative.
    """
    return np.random.default_rng(numbers).permutation(count)


class Stream:
    """Rows of one domain, batch by batch, without end.

    `none` visits every row once a pass, each pass in another order. `class_balanced` gives every class the
    same number of places (to within one) and visits the rows of a class evenly. `class_cap` shows at most
    `cap` rows of a class in a pass, others in the next. Rows of no class (-1) are never seen if there are
    classes at all, and a class without rows has no place.

    Args:
        classes: (n,) class of each row, -1 for none; or the number of rows of a domain without classes.
        batch: Rows of a step, over all processes.
        seed: Decides all orders.
        balance: How classes share the places.
        cap: Largest number of rows of a class in a pass, for `class_cap`.
        rank: Number of this process.
        world: Number of processes; must divide the batch.

    Raises:
        ValueError: If no row could be seen, or the settings contradict each other.
    """

    def __init__(
        self,
        classes: Rows | int,
        batch: int,
        seed: int,
        balance: Balance = "none",
        cap: int | None = None,
        *,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if batch < 1 or batch % world or not 0 <= rank < world:
            raise ValueError(f"{world} processes cannot share a batch of {batch} (this is number {rank})")
        if (balance == "class_cap") != (cap is not None) or (cap is not None and cap < 1):
            raise ValueError(f"balance '{balance}' and cap {cap} do not belong together")
        if isinstance(classes, int) and balance != "none":
            raise ValueError(f"balance '{balance}' needs classes, and this domain shows none")
        self.batch = batch
        self.seed = seed
        self.balance = balance
        self.cap = cap
        self.rank = rank
        self.world = world
        self._groups = _groups(classes, balance)
        if not self._groups:
            raise ValueError("a stream needs at least one row with a class")
        # One pass ahead is enough: a step looks at one pass, seldom at the next one too.
        self._order = lru_cache(maxsize=2 * len(self._groups))(self._new_order)
        self._pass = lru_cache(maxsize=2)(self._new_pass)

    @property
    def pass_length(self) -> int:
        """Places of one pass: rows, or what the cap leaves of them."""
        return sum(len(group) if self.cap is None else min(len(group), self.cap) for group in self._groups)

    def rows(self, step: int) -> Rows:
        """Return this process's rows of a step, as positions within the domain.

        Args:
            step: From 0.

        Returns:
            (batch / world,) in the order of the batch.
        """
        part = self.batch // self.world
        return self.all_rows(step)[self.rank * part : (self.rank + 1) * part]

    def all_rows(self, step: int) -> Rows:
        """Return the rows that all processes see together in a step.

        Args:
            step: From 0.

        Returns:
            (batch,).
        """
        places = np.arange(step * self.batch, (step + 1) * self.batch)
        if self.balance == "class_balanced":
            return self._balanced(places)
        passes, offsets = np.divmod(places, self.pass_length)
        return np.concatenate(
            [self._pass(int(number))[offsets[passes == number]] for number in np.unique(passes)]
        )

    def _balanced(self, places: Rows) -> Rows:
        """Deal the places in rounds; a round gives each class one place, in an order of its own."""
        rounds, seats = np.divmod(places, len(self._groups))
        found = np.empty_like(places)
        for number in np.unique(rounds):
            here = rounds == number
            order = shuffled(len(self._groups), self.seed, 0, int(number))
            # in round r every class is at its r-th row, whatever happened before
            found[here] = [self._at(group, int(number)) for group in order[seats[here]]]
        return found

    def _at(self, group: int, visit: int) -> int:
        cycle, offset = divmod(visit, len(self._groups[group]))
        return int(self._order(group, cycle)[offset])

    def _new_order(self, group: int, cycle: int) -> Rows:
        """Rows of a group in the order of one cycle through them."""
        rows = self._groups[group]
        return rows[shuffled(len(rows), self.seed, 1, group, cycle)]

    def _new_pass(self, number: int) -> Rows:
        """Rows of one pass in their order."""
        chosen = np.concatenate([self._capped(group, number) for group in range(len(self._groups))])
        return chosen[shuffled(len(chosen), self.seed, 2, number)]

    def _capped(self, group: int, number: int) -> Rows:
        rows = self._groups[group]
        if self.cap is None or len(rows) <= self.cap:
            return rows
        # a cycle of passes shows all rows of the class; its last one is filled up with the cycle's first
        cycle, part = divmod(number, -(-len(rows) // self.cap))
        places = (part * self.cap + np.arange(self.cap)) % len(rows)
        return self._order(group, cycle)[places]


def _groups(classes: Rows | int, balance: Balance) -> list[Rows]:
    """Rows that share their places: one group for each class, or a single one."""
    if isinstance(classes, int):
        return [np.arange(classes)] if classes else []
    if balance == "none":
        known = np.flatnonzero(classes >= 0)
        return [known] if len(known) else []
    return [np.flatnonzero(classes == value) for value in np.unique(classes[classes >= 0])]
