"""Figures of a table: what each method gains, with its interval, and mean ranks."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from ferda.benchmarking.ranks import Ranks
from ferda.evaluation.style import AFTER, BEFORE, INK, LINE, MUTED, new_figure, styled

_ROW = 0.27
_BAD = "#c4553b"


@styled
def gains_figure(methods: pd.DataFrame, trainings: pd.DataFrame, baseline: str) -> Figure:
    """Draw each method's gain over the baseline: mean and interval, and a dot a seed.

    Args:
        methods: Lines of one pair that have a gain.
        trainings: Lines of the chosen epochs of the pair.
        baseline: Row of methods that the gain is over.
    """
    figure, (axes,) = new_figure(0.7 + _ROW * len(methods))
    scores = trainings.pivot_table(index="seed", columns="row", values="macro_recall")
    points = 100 * methods[["gain", "gain_low", "gain_high"]].to_numpy(float)
    for place, (row, is_sure, (gain, low, high)) in enumerate(
        zip(methods["row"], methods["sure"], points, strict=True)
    ):
        by_seed = 100 * (scores[row] - scores[baseline]).dropna()
        colour = (AFTER if gain > 0 else _BAD) if is_sure else BEFORE
        axes.plot([low, high], [place, place], color=colour, linewidth=2.4)
        axes.plot(gain, place, "o", color=colour, markersize=6)
        axes.plot(by_seed, [place + 0.26] * len(by_seed), "|", color=MUTED, markersize=5)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set(ylim=(len(methods) - 0.4, -0.6), xlabel=f"points of macro recall over {baseline}")
    axes.set_yticks(range(len(methods)), list(methods["row"]))
    axes.grid(axis="y", visible=False)
    return figure


@styled
def ranks_figure(ranks: Ranks) -> Figure:
    """Draw mean ranks, the best at the top, and how far from it cannot be told apart.

    Args:
        ranks: Of at least two rows.
    """
    figure, (axes,) = new_figure(0.7 + _ROW * len(ranks.mean))
    best = min(ranks.mean.values())
    axes.axvspan(best, best + ranks.critical_difference, color=LINE, alpha=0.6, linewidth=0)
    for place, rank in enumerate(ranks.mean.values()):
        is_near = rank <= best + ranks.critical_difference
        axes.plot(rank, place, "o", color=AFTER if is_near else BEFORE, markersize=6)
    axes.set(ylim=(len(ranks.mean) - 0.4, -0.6), xlim=(0.8, len(ranks.mean) + 0.2), xlabel="mean rank")
    axes.set_yticks(range(len(ranks.mean)), list(ranks.mean))
    axes.grid(axis="y", visible=False)
    return figure
