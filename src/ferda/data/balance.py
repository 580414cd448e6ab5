"""What shares the rows of a source out: its classes, or the quadrants of valence and arousal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from ferda.data.affect import quadrants
from ferda.data.domain import Domain
from ferda.data.stream import Balance
from ferda.errors import UserError

SourceBalance = Balance | Literal["quadrant_cap"]


def balanced_by(pool: Sequence[Domain], balance: SourceBalance) -> tuple[np.ndarray, Balance]:
    """Return the kind of every row, -1 for rows that are never seen, and how a stream balances kinds.

    `quadrant_cap` caps the quadrants of valence and arousal as `class_cap` caps classes: Siqueira et al.,
    AAAI 2020, take at most 5000 faces of each when they learn valence and arousal.

    Args:
        pool: Sources that are one set.
        balance: As in a recipe.

    Raises:
        UserError: If quadrants are asked for and no row of a source has both valence and arousal.
    """
    if balance != "quadrant_cap":
        return np.concatenate([source.labels() for source in pool]), balance
    return np.concatenate([_quadrants(source) for source in pool]), "class_cap"


def _quadrants(source: Domain) -> np.ndarray:
    affect = source.affect()
    found = None if affect is None else quadrants(affect)
    if found is None or (found < 0).all():
        raise UserError(
            f"training.balance=quadrant_cap needs valence and arousal, from -1 to 1, and '{source.name}' has "
            "no row with both; choose class_cap, or another source."
        )
    return found
