"""What it costs to choose without labels: each validator's epoch beside the best one.

After a run its `scores.csv` holds what every validator said of every epoch, and, once the target's labels
were opened, how good each epoch was. So what another validator would have kept needs no further training: the
same guard, another column. The difference to the oracle's epoch is the validator's regret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ferda.evaluation.blocks import Cell, Section, Table
from ferda.evaluation.oracle import PREFIX
from ferda.evaluation.style import percent
from ferda.selection import lacking, list_validators
from ferda.selection.choose import choose
from ferda.selection.collapse import trust


@dataclass(frozen=True)
class Choice:
    """An epoch, and who would have chosen it.

    Attributes:
        rule: A validator, `last`, or `oracle`.
        epoch: The epoch, as in `scores.csv`.
        accuracy: Accuracy of that epoch on the target.
        macro_recall: Macro recall of that epoch on the target.
        regret: How far its macro recall is below that of the oracle's epoch.
        is_kept: Whether this rule chose the checkpoint of the run.
    """

    rule: str
    epoch: int
    accuracy: float
    macro_recall: float
    regret: float
    is_kept: bool = False


def choices(scores: pd.DataFrame, guard: float) -> list[Choice]:
    """Return what each validator of a run would have chosen in its last stage, then `last`, then `oracle`.

    Args:
        scores: `scores.csv` with the oracle's columns, as `ferda.evaluation.oracle.fill_oracle` returns it.
        guard: `training.guard` of the run.

    Returns:
        One entry a rule, the validators by name; nothing if no epoch of the stage was watched.
    """
    own = scores[scores["stage"] == scores["stage"].iloc[-1]]
    own = own[own[f"{PREFIX}macro_recall"].notna()].reset_index(drop=True)
    if own.empty:
        return []
    epochs = [row.dropna().to_dict() for _, row in own.iterrows()]
    trusted = [trust(epoch, epochs[0]) for epoch in epochs]
    places = {
        name: choose(own[name].to_numpy(float), trusted, guard)
        for name in list_validators()
        if name in own and own[name].notna().any()
    }
    recalls = own[f"{PREFIX}macro_recall"].to_numpy(float)
    places |= {"last": len(own) - 1, "oracle": int(recalls.argmax())}
    kept = set(own["selected"].dropna()) if "selected" in own else set()
    return [
        Choice(
            rule=rule,
            epoch=int(own["epoch"][place]),
            accuracy=float(own[f"{PREFIX}accuracy"][place]),
            macro_recall=float(recalls[place]),
            regret=float(recalls.max() - recalls[place]),
            is_kept=rule in kept,
        )
        for rule, place in places.items()
    ]


def choice_section(name: str, found: Sequence[Choice]) -> Section:
    """Show what each validator would have chosen, the least regret first.

    Args:
        name: Of the model.
        found: What `choices` returned.
    """
    *ranked, oracle = sorted(found, key=lambda one: (one.rule == "oracle", one.regret))
    rows = [
        (
            Cell(one.rule, _remark(one), "oracle" if one is oracle else ""),
            Cell(str(one.epoch)),
            Cell(percent(one.macro_recall, 1)),
            Cell(percent(one.accuracy, 1)),
            Cell(f"{100 * one.regret:.1f} points", tone="oracle"),
        )
        for one in (*ranked, oracle)
    ]
    known = {one.rule for one in found}
    lacked = [f"{rule} needs {lacking(rule, ())}" for rule in list_validators() if rule not in known]
    columns = ("validator", "epoch", "macro recall", "accuracy", "regret")
    return Section(
        "choice",
        "Choice",
        "What other validators would have chosen",
        f"Each looks at the epochs of {name} without a label of the target, under the same guard. Regret is "
        "the macro recall that its epoch lacks of the best one. One run says little of a validator: much of "
        f"this is chance.{' Not computed here: ' + '; '.join(lacked) + '.' if lacked else ''}",
        tables=(Table(columns, tuple(rows), oracle=(4,)),),
    )


def _remark(one: Choice) -> str:
    if one.rule == "oracle":
        return "by the labels: not a result"
    return "chose the run's checkpoint" if one.is_kept else ""
