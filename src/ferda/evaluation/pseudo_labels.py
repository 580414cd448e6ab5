"""Whether a run's sure answers were right, epoch by epoch: what pseudo-labels would have taught.

Self-training believes the target's rows whose probability reaches a threshold. Two curves tell how that went:
the share of rows that were believed, which needs no label, and how many of these were right, which only the
labels know that are opened after the run. A share that rises while the rightness falls is a model that talks
itself into its own mistakes. Every method that watched a target has these curves, also one that never used a
pseudo-label.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ferda.evaluation.curves import in_a_row, mark_stages, stages_of
from ferda.evaluation.oracle import PREFIX, RecordedEpoch, recorded_epochs
from ferda.evaluation.style import ORACLE, OWN, new_figure, styled

if TYPE_CHECKING:
    from ferda.data.domain import Domain

#: What AGLRLS, LA-CMFER's relatives and FixMatch ask of a row before they believe it.
THRESHOLD = 0.95
#: Columns of the table that no label had a part in, and those that it had.
SHARE, RIGHT, ALL_RIGHT = "believed", f"{PREFIX}believed_accuracy", f"{PREFIX}accuracy"


def pseudo_label_quality(run: Path, domain: Domain, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Tell for each epoch how many of the target's rows were believed, and how many of these were right.

    Args:
        run: The run's folder, which holds `outputs/<stage>_<epoch>.npz`.
        domain: The target with its labels.
        threshold: Least probability of a row that is believed.

    Returns:
        A frame in the order of training with `stage`, `epoch`, `believed` (share of the watched rows),
        `oracle_believed_accuracy` (of the believed rows with a label; NaN if there is none),
        `oracle_accuracy` (of all rows with a label).

    Raises:
        UserError: If the run recorded nothing, or the domain is another one.
    """
    epochs = recorded_epochs(run, domain)
    order = _stage_order(run)
    epochs.sort(key=lambda one: (order.get(one.stage, len(order)), one.stage, one.epoch))
    return pd.DataFrame([_quality(one, threshold) for one in epochs])


@styled
def draw_pseudo_labels(table: pd.DataFrame) -> Figure:
    """Draw the share of believed rows, and below it how many of them, and of all rows, were right.

    Args:
        table: What `pseudo_label_quality` returned.
    """
    place, borders = in_a_row(table["stage"], table["epoch"].to_numpy(float))
    figure, (upper, lower) = new_figure(3.3, rows=2, sharex=True, height_ratios=(1, 1.25))
    for own in stages_of(table["stage"]):
        x = place[own]
        upper.plot(x, table[SHARE].to_numpy(float)[own], color=OWN, marker="o", markersize=2.8)
        lower.plot(
            x, table[ALL_RIGHT].to_numpy(float)[own], color=ORACLE, linestyle=(0, (1, 1.4)), linewidth=1.3
        )
        right = table[RIGHT].to_numpy(float)[own]
        lower.plot(x, right, color=ORACLE, linestyle=(0, (4, 2)), marker="o", markersize=2.8)
    upper.set_title("believed, of all faces")
    lower.set_title("right: of the believed (dashed), of all (dotted)", color=ORACLE)
    for panel in (upper, lower):
        panel.set_ylim(-0.03, 1.03)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        mark_stages(panel, borders)
    lower.set_xlabel("epoch")
    lower.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    return figure


def _quality(one: RecordedEpoch, threshold: float) -> dict[str, str | int | float]:
    believed = one.probabilities.max(1) >= threshold
    is_right = one.probabilities.argmax(1) == one.truth
    known = one.truth >= 0
    return {
        "stage": one.stage,
        "epoch": one.epoch,
        SHARE: float(believed.mean()),
        RIGHT: _mean(is_right[believed & known]),
        ALL_RIGHT: _mean(is_right[known]),
    }


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _stage_order(run: Path) -> dict[str, int]:
    """The stages as they were trained, which their names do not tell."""
    path = run / "scores.csv"
    if not path.is_file():
        return {}
    return {str(stage): place for place, stage in enumerate(dict.fromkeys(pd.read_csv(path)["stage"]))}
