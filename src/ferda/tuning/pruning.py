"""Whether a trial should end early: it is worse than most others were at the same time.

Optuna's own rule would compare it with every finished trial. A model that forgot its sources can have the
best score of all, and would end the honest ones; so only trials that the guard trusts are compared with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

#: So many trusted trials are finished before any is ended early.
STARTUP = 5


def falls_behind(mine: Mapping[int, float], others: Sequence[Mapping[int, float]]) -> bool:
    """Return whether the best score so far is below the median of the others' best up to the same epoch.

    Args:
        mine: Scores of the trial by epoch.
        others: The same of the trials to compare with.
    """
    if not mine or len(others) < STARTUP:
        return False
    now = max(mine)
    bests = [max(known) for other in others if (known := [other[at] for at in other if at <= now])]
    return bool(bests) and max(mine.values()) < median(bests)


def trusted(trials: Sequence[FrozenTrial], tolerance: float) -> list[FrozenTrial]:
    """Return the trials whose source accuracy is not far below the best trial's.

    Args:
        trials: Finished.
        tolerance: Largest loss.
    """
    bar = max((trial.user_attrs["trust"] for trial in trials), default=0.0) - tolerance - 1e-9
    return [trial for trial in trials if trial.user_attrs["trust"] >= bar]
