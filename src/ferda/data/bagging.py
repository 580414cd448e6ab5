"""Bagging by people: every member of an ensemble learns from another part of a source's people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ferda.data.domain import Domain
from ferda.data.splits import subject_folds
from ferda.errors import UserError


@dataclass(frozen=True)
class Bag:
    """Some folds of people.

    Attributes:
        folds: To how many folds all people of the data set are dealt, as `subject_folds` does it.
        places: Which of the folds that the source has are taken, from 0 in their order.
    """

    folds: int
    places: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.folds < 3 or not self.places or not set(self.places) <= set(range(self.folds)):
            raise ValueError(f"a bag takes places from 0 on of 3 folds or more, got {self.places}")


def bagged(source: Domain, bag: Bag) -> Domain:
    """Return the rows of the people in some folds.

    Siqueira et al., AAAI 2020, experiments on CK+: each branch leaves one of four folds out.

    Args:
        source: With subjects.
        bag: Which folds.

    Raises:
        UserError: If there are no subjects, or the source has fewer folds.
    """
    folds = subject_folds(source.pack.manifest, bag.folds)[source.rows]
    there = np.unique(folds[folds >= 0])
    if max(bag.places) >= len(there):
        raise UserError(
            f"'{source.name}' has people of {len(there)} of {bag.folds} folds, so there is no place "
            f"{max(bag.places)} for training.bag; places are counted from 0."
        )
    rows = source.rows[np.isin(folds, there[list(bag.places)])]
    return Domain(source.pack, rows, source.classes, source.name, rule=source.rule, left_out=source.left_out)
