"""Figures of a training: each named loss by itself, and each validator by epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ferda.evaluation.oracle import PREFIX
from ferda.evaluation.style import INK, LINE, MUTED, ORACLE, SERIES, new_figure, styled

_VALIDATOR_WORDS = {
    "source_accuracy": "source accuracy",
    "source_rmse": "source affect error (negated)",
    "entropy": "entropy (negated)",
    "im": "information max. (im)",
    "snd": "neighbourhoods (snd)",
    "bnm": "nuclear norm (bnm)",
    "class_ami": "clusters (class_ami)",
    "dev": "weighed source error (dev, negated)",
    "ensv": "agreement of all epochs (ensv)",
    "mixval": "mixed pictures (mixval)",
    "rankme": "rank of features (rankme)",
}
_BOOKKEEPING = {"stage", "epoch", "step", "selected"}


@styled
def learning_curves(journal: pd.DataFrame, points: int = 240) -> Figure:
    """Draw every named loss on its own axes, because their scales have nothing to do with each other.

    Args:
        journal: Columns `stage`, `step`, `loss`, and `loss/<name>` for each named loss.
        points: A longer journal is thinned by averaging neighbours.
    """
    names = [str(column) for column in journal.columns if str(column).startswith("loss/")]
    columns = ["loss", *names] if len(names) != 1 else names
    place, borders = in_a_row(journal["stage"], journal["step"].to_numpy(float))
    figure, axes = _small_multiples(len(columns))
    for number, (column, panel) in enumerate(zip(columns, axes, strict=True)):
        values = pd.to_numeric(journal[column], errors="coerce").to_numpy(float)
        colour = INK if column == "loss" else SERIES[(number - 1) % len(SERIES)]
        for own in stages_of(journal["stage"]):
            known = own & np.isfinite(values)
            x, y = _thinned(place[known], values[known], points)
            panel.plot(x, y, color=colour, linewidth=0.8, alpha=0.28)
            panel.plot(x, _smooth(y), color=colour)
        panel.set_title("sum of all" if column == "loss" else column.removeprefix("loss/"), color=INK)
        mark_stages(panel, borders)
        panel.set_xlim(0, max(float(place.max()), 1.0))
        panel.locator_params(axis="x", nbins=4)
    _name_below(axes, "step")
    return figure


@styled
def validators(scores: pd.DataFrame) -> Figure:
    """Draw every validator by epoch; the chosen epochs are marked, oracle columns are drawn dashed.

    Args:
        scores: Columns `stage`, `epoch`, `selected`, one per validator and, if known, `oracle_...`.
    """
    columns = [
        str(column)
        for column in scores.columns
        if column not in _BOOKKEEPING and pd.to_numeric(scores[column], errors="coerce").notna().any()
    ]
    columns.sort(key=lambda column: column.startswith(PREFIX))
    place, borders = in_a_row(scores["stage"], scores["epoch"].to_numpy(float))
    chosen = is_selected(scores)
    figure, axes = _small_multiples(len(columns))
    for column, panel in zip(columns, axes, strict=True):
        is_oracle = column.startswith(PREFIX)
        values = pd.to_numeric(scores[column], errors="coerce").to_numpy(float)
        colour = ORACLE if is_oracle else SERIES[0]
        for own in stages_of(scores["stage"]):
            dashes = (0, (4, 2)) if is_oracle else "-"
            panel.plot(place[own], values[own], color=colour, linestyle=dashes, marker="o", markersize=2.6)
        panel.plot(place[chosen], values[chosen], "o", markersize=8, mfc="none", mec=INK, clip_on=False)
        word = f"oracle: {column.removeprefix(PREFIX).replace('_', ' ')}" if is_oracle else column
        panel.set_title(_VALIDATOR_WORDS.get(column, word), color=colour if is_oracle else INK)
        mark_stages(panel, borders)
        panel.locator_params(axis="x", integer=True, nbins=6)
    _name_below(axes, "epoch")
    return figure


def is_selected(scores: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which rows of `scores.csv` are chosen checkpoints: their `selected` names the rule that chose.

    Args:
        scores: The table as pandas reads it; an empty cell is missing there.
    """
    if "selected" not in scores.columns:
        return np.zeros(len(scores), bool)
    words = scores["selected"].astype("string").fillna("").str.strip().str.lower()
    return (~words.isin(["", "false", "0", "0.0"])).to_numpy(bool)


def _small_multiples(count: int) -> tuple[Figure, list[Axes]]:
    rows = (count + 1) // 2
    figure, axes = new_figure(0.35 + 1.3 * rows, rows=rows, columns=min(count, 2))
    for panel in axes[count:]:
        panel.set_visible(False)
    return figure, axes[:count]


def _name_below(axes: Sequence[Axes], name: str) -> None:
    for panel in axes[-2:]:
        panel.set_xlabel(name)


def stages_of(column: pd.Series[Any]) -> list[np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return which rows belong to each stage, in order of training.

    Args:
        column: The stage of each row.
    """
    return [(column == name).to_numpy(bool) for name in dict.fromkeys(column)]


def in_a_row(
    stage: pd.Series[Any], counter: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], list[float]]:
    """Lay the stages, in each of which a counter starts anew, one after the other.

    Args:
        stage: The stage of each row.
        counter: The step or epoch of each row within its stage.

    Returns:
        The counter as it would be without stages, and where they meet.
    """
    place, borders, offset = np.zeros(len(counter)), [], 0.0
    for own in stages_of(stage):
        place[own] = counter[own] + offset
        offset = float(place[own].max())
        borders.append(offset)
    return place, borders[:-1]


def mark_stages(panel: Axes, borders: Sequence[float]) -> None:
    """Draw a dotted line where a stage ends.

    Args:
        panel: To draw on.
        borders: From `in_a_row`.
    """
    for border in borders:
        panel.axvline(border, color=MUTED, linewidth=0.9, linestyle=(0, (2, 2)))
    panel.spines["left"].set_color(LINE)


def _thinned(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], points: int) -> tuple[Any, Any]:
    if len(x) <= points:
        return x, y
    pieces = np.array_split(np.arange(len(x)), points)
    return np.array([x[piece].mean() for piece in pieces]), np.array([y[piece].mean() for piece in pieces])


def _smooth(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    window = max(1, len(values) // 16)
    return pd.Series(values).rolling(window, center=True, min_periods=1).mean().to_numpy()
