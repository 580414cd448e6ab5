"""Figures of one evaluation: confusion, calibration, classes before and after, groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from ferda.evaluation.evaluation import Evaluation
from ferda.evaluation.groups import GroupScores
from ferda.evaluation.metrics import Scores
from ferda.evaluation.style import AFTER, BEFORE, INK, LINE, MUTED, PAPER, WIDTH, new_figure, percent, styled

#: These keep their colour in the dark, where white and light ink must be readable on them.
_RIGHT, _WRONG = "#0c7a73", "#c4553b"
#: A column with more groups shows its worst and its best.
MOST_GROUPS = 24
_PERCENT = PercentFormatter(1.0, decimals=0, symbol=" %")


@styled
def confusion(scores: Scores) -> Figure:
    """Draw rows of true classes: per cent of the row large, the count small beneath.

    Args:
        scores: Whose confusion matrix.
    """
    counts = scores.matrix
    sums = counts.sum(1, keepdims=True)
    shares = np.divide(counts, sums, out=np.zeros(counts.shape), where=sums > 0)
    size = len(scores.classes)
    figure, (axes,) = new_figure(WIDTH * 0.93)
    for row, column in np.ndindex(size, size):
        share, is_right = shares[row, column], row == column
        # a single face must still be seen
        depth = 0.0 if counts[row, column] == 0 else 0.08 + 0.92 * share
        axes.add_patch(
            Rectangle((column, row), 1, 1, facecolor=_RIGHT if is_right else _WRONG, alpha=depth, linewidth=0)
        )
        if sums[row, 0] == 0 or counts[row, column] == 0:
            continue
        ink = "#ffffff" if depth > 0.72 else INK
        weight = "bold" if is_right else "normal"
        axes.text(
            column + 0.5,
            row + 0.44,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            color=ink,
            weight=weight,
            size=10.5,
        )
        axes.text(
            column + 0.5, row + 0.78, f"{counts[row, column]}", ha="center", va="center", color=ink, size=7.5
        )
    axes.set(xlim=(0, size), ylim=(size, 0), aspect="equal")
    axes.hlines(np.arange(size + 1), 0, size, color=LINE, linewidth=0.6)
    axes.vlines(np.arange(size + 1), 0, size, color=LINE, linewidth=0.6)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_xticks(np.arange(size) + 0.5, scores.classes, rotation=40, ha="left", rotation_mode="anchor")
    axes.set_yticks(np.arange(size) + 0.5, scores.classes)
    axes.xaxis.tick_top()
    axes.xaxis.set_label_position("top")
    axes.set_xlabel("the model says")
    axes.set_ylabel("the face is")
    return figure


@styled
def reliability(scores: Scores, title: str = "") -> Figure:
    """Draw accuracy against confidence, and below it how many faces have that confidence.

    Args:
        scores: Whose reliability bins.
        title: Above the figure.
    """
    figure, (upper, lower) = new_figure(WIDTH * 0.9, rows=2, sharex=True, height_ratios=(3.4, 1))
    filled = [row for row in scores.reliability if row.accuracy is not None and row.confidence is not None]
    middle = np.array([(row.lower + row.upper) / 2 for row in filled])
    width = np.array([row.upper - row.lower for row in filled]) * 0.9
    accuracy = np.array([row.accuracy for row in filled], float)
    confidence = np.array([row.confidence for row in filled], float)
    faces = np.array([row.faces for row in filled], float)
    upper.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    upper.bar(middle, accuracy, width, color=AFTER, alpha=0.85, label="right")
    upper.bar(
        middle,
        confidence - accuracy,
        width,
        accuracy,
        facecolor="none",
        edgecolor=_WRONG,
        hatch="////",
        linewidth=0.9,
        label="gap to confidence",
    )
    upper.set(ylim=(0, 1.02), ylabel="faces that are right")
    upper.set_title(title or f"calibration error {percent(scores.ece, 1)}")
    upper.yaxis.set_major_formatter(_PERCENT)
    upper.legend(loc="upper left", handlelength=1.2)
    lower.bar(middle, faces / faces.sum(), width, color=BEFORE)
    lower.set(xlim=(0, 1), xlabel="confidence of the answer", ylabel="faces")
    for axis in (lower.yaxis, lower.xaxis):
        axis.set_major_formatter(_PERCENT)
    lower.locator_params(axis="y", nbins=2)
    return figure


@styled
def class_bars(evaluations: Sequence[Evaluation], names: Sequence[str]) -> Figure:
    """Draw the recall of each class, one bar per model, with its interval.

    Args:
        evaluations: On the same faces; the first is the baseline if there are several.
        names: What the legend calls them.
    """
    shown = [
        i
        for i, row in enumerate(evaluations[0].scores.per_class)
        if any(e.scores.per_class[i].faces for e in evaluations)
    ]
    colours = [AFTER] if len(evaluations) == 1 else [BEFORE, AFTER, "#cc6a3a", "#9a5fb0"]
    figure, (axes,) = new_figure(0.75 + len(shown) * (0.16 + 0.17 * len(evaluations)))
    thick = 0.8 / len(evaluations)
    for place, (evaluation, name) in enumerate(zip(evaluations, names, strict=True)):
        recall = np.array([evaluation.scores.per_class[i].recall or 0.0 for i in shown])
        height = np.arange(len(shown)) + (place - (len(evaluations) - 1) / 2) * thick
        axes.barh(height, recall, thick * 0.92, color=colours[place % len(colours)], label=name)
        for y, i, value in zip(height, shown, recall, strict=True):
            interval = evaluation.intervals.recall[i]
            if interval is not None:
                axes.plot([interval.low, interval.high], [y, y], color=INK, linewidth=0.9, alpha=0.75)
            axes.text(1.02, y, f"{100 * value:.0f} %", va="center", size=8.5, color=INK)
    axes.set_yticks(range(len(shown)), [evaluations[0].scores.classes[i] for i in shown])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set(xlim=(0, 1.0), ylim=(len(shown) - 0.5, -0.5))
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.grid(axis="y", visible=False)
    if len(evaluations) > 1:
        figure.legend(loc="outside upper left", ncols=2, handlelength=1.2)
    return figure


@styled
def group_intervals(groups: GroupScores, most: int = MOST_GROUPS) -> Figure:
    """Draw each group's accuracy with its interval, the worst on top.

    Args:
        groups: Groups of one column.
        most: Show at most this many: the worst and the best.
    """
    rows = list(groups.rows)
    if len(rows) > most:
        rows = rows[: most - most // 3] + rows[len(rows) - most // 3 :]
    figure, (axes,) = new_figure(0.6 + 0.24 * len(rows))
    total = sum(row.faces for row in groups.rows)
    mean = sum(row.accuracy * row.faces for row in groups.rows) / total
    axes.axvline(mean, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for place, row in enumerate(rows):
        interval = row.accuracy_interval
        axes.plot([interval.low, interval.high], [place, place], color=AFTER, linewidth=2.4, alpha=0.4)
        axes.plot(row.accuracy, place, "o", color=AFTER, markersize=5.5, markeredgecolor=PAPER)
    axes.set_yticks(range(len(rows)), [f"{_shortened(row.name)} ({row.faces})" for row in rows])
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set(xlim=(0, 1), ylim=(len(rows) - 0.4, -0.6))
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.grid(axis="y", visible=False)
    return figure


def _shortened(name: str, most: int = 18) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"
