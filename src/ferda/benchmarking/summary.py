"""The numbers of a table: one line a training and epoch, one line a method and pair, and who beats whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ferda.benchmarking.gains import Gain, holm, paired_gain
from ferda.benchmarking.measuring import MeasuredPair, measure
from ferda.benchmarking.places import Place
from ferda.benchmarking.ranks import Ranks, rank_rows
from ferda.benchmarking.table import Cell, Table

#: Measures of a method, each with its spread over seeds.
MEASURES = ("macro_recall", "macro_f1", "accuracy", "calibration_error")
_FACTS = ("parameters", "seconds", "cpu_seconds", "peak_memory")


@dataclass(frozen=True, eq=False)
class Summary:
    """What a table has shown so far.

    Attributes:
        table: What was asked.
        trainings: One line for each of the epochs `chosen`, `last` and `oracle` of each finished training.
        methods: One line a pair and row, as `ferda benchmark` writes into `table.csv`.
        ranks: Of the rows over pairs and seeds; None if nothing can be ranked.
        missing: What is not finished, with the error of what failed, else an empty text.
    """

    table: Table
    trainings: pd.DataFrame
    methods: pd.DataFrame
    ranks: Ranks | None
    missing: dict[Cell, str]


def summarise(table: Table, out: Path) -> Summary:
    """Measure all finished trainings of a table, and compare the methods.

    Args:
        table: Checked.
        out: Its folder.

    Raises:
        UserError: If what the trainings recorded does not fit the test faces.
    """
    pairs = measure(table, out)
    rows = [row for pair in pairs for one in pair.trainings.values() for row in one.rows()]
    trainings = pd.DataFrame(rows, columns=None if rows else ["pair", "row", "seed", "choice"])
    places = [Place(out, cell) for cell in table.cells]
    return Summary(
        table=table,
        trainings=trainings,
        methods=pd.DataFrame([line for pair in pairs for line in _lines(table, pair, trainings)]),
        ranks=_ranks(table, trainings),
        missing={place.cell: place.error for place in places if place.state != "finished"},
    )


def _lines(table: Table, pair: MeasuredPair, trainings: pd.DataFrame) -> list[dict[str, Any]]:
    """One line a row of methods, in the order of the table, with corrected p values."""
    mine = trainings[trainings["pair"] == pair.name]
    present = [row for row in table.methods if (mine["row"] == row).any()]
    gains = {row: gain for row in present if (gain := _gain(table, pair, row)) is not None}
    corrected = dict(zip(gains, holm([gain.p for gain in gains.values()]), strict=True))
    lines = []
    for row in present:
        line = _means(mine[mine["row"] == row]) | {"pair": pair.name, "row": row}
        if row in gains:
            gain = gains[row]
            line |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
            line |= {"gain_seeds": gain.seeds, "p": gain.p, "p_corrected": corrected[row]}
        # one seed says nothing of the luck of seeds
        line["sure"] = row in gains and gains[row].seeds > 1 and corrected[row] < 0.05
        lines.append({"pair": pair.name, "row": row, **line})
    return lines


def _means(rows: pd.DataFrame) -> dict[str, Any]:
    by_choice = {str(choice): part for choice, part in rows.groupby("choice")}
    chosen = by_choice["chosen"]
    line: dict[str, Any] = {"seeds": len(chosen), "rule": ", ".join(sorted(set(chosen["rule"])))}
    for name in MEASURES:
        line |= {name: chosen[name].mean(), f"{name}_sd": chosen[name].std()}
    for choice in ("last", "oracle"):
        scores = by_choice[choice]["macro_recall"]
        line |= {f"{choice}_macro_recall": scores.mean(), f"{choice}_macro_recall_sd": scores.std()}
    line["regret"] = line["oracle_macro_recall"] - line["macro_recall"]
    others = [name for name in chosen if "/" in str(name)]
    line |= {str(name): chosen[name].mean() for name in others}
    return line | {name: chosen[name].median() for name in _FACTS if name in chosen}


def _gain(table: Table, pair: MeasuredPair, row: str) -> Gain | None:
    """Compare a row with the baseline over the seeds that both have finished."""
    answers = {(cell.row, cell.seed): one.answers for cell, one in pair.trainings.items()}
    seeds = [s for s in table.seeds if {(row, s), (table.baseline, s)} <= answers.keys()]
    if row == table.baseline or not seeds:
        return None
    first, second = (np.stack([answers[name, seed] for seed in seeds]) for name in (table.baseline, row))
    return paired_gain(pair.labels, first, second, len(pair.classes), subjects=pair.subjects)


def _ranks(table: Table, trainings: pd.DataFrame) -> Ranks | None:
    chosen = trainings[trainings["choice"] == "chosen"]
    if chosen.empty:
        return None
    wide = chosen.pivot_table(index=["pair", "seed"], columns="row", values="macro_recall")
    return rank_rows(wide[_complete(wide, table.methods)])


def _complete(wide: pd.DataFrame, rows: Sequence[str] | dict[str, Any]) -> list[str]:
    """Rows of methods that have as many trainings as the one with the most; the others are not ranked yet."""
    counts = wide.notna().sum()
    return [row for row in rows if row in counts and counts[row] == counts.max()]
