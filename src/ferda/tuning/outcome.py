"""What came of one training, as far as can be said without a label of the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ferda.engine.run import Run
from ferda.selection.collapse import trust


@dataclass(frozen=True)
class Outcome:
    """Of the epoch that the guarded score has chosen so far.

    Attributes:
        score: The validator, higher is better.
        trust: What the guard looks at: source accuracy; without source faces 1, or 0 after a collapse.
        epoch: The epoch, 0 for the model that it started from.
        last_epoch: The newest epoch that was scored.
    """

    score: float
    trust: float
    epoch: int
    last_epoch: int


def outcome(run: Run, score: str, stage: str) -> Outcome | None:
    """Return what a training has come to.

    Args:
        run: Finished or not.
        score: The validator that chooses its epoch.
        stage: Its last one; before that no target is scored.

    Returns:
        None if the last stage has no scored epoch yet.
    """
    table = run.scores
    rows = cast("list[dict[str, Any]]", table[table["stage"] == stage].to_dict("records"))
    chosen = [row for row in rows if isinstance(row["selected"], str)]
    if not chosen:
        return None
    row = chosen[-1]
    guard = trust(row, {"classes_in_use": rows[0].get("classes_in_use", 0.0)})
    return Outcome(float(row[score]), guard, int(row["epoch"]), int(rows[-1]["epoch"]))
