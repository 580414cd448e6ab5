"""Figures of a search: its course, what matters, and the scores by each setting."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ferda.evaluation.style import AFTER, BEFORE, MUTED, OWN, new_figure, styled
from ferda.tuning.space import Setting
from ferda.tuning.summary import Summary

_ROW = 0.3


@styled
def course_figure(summary: Summary) -> Figure:
    """Draw the score of each trial, and the best so far.

    Args:
        summary: With at least one finished trial.
    """
    figure, (axes,) = new_figure(2.6)
    done = summary.trials[summary.trials["state"] == "finished"]
    early = summary.trials["trial"][summary.trials["state"] == "ended early"]
    # at the foot: after fewer epochs a score cannot be compared
    foot = axes.get_xaxis_transform()
    axes.plot(
        early, [0.04] * len(early), "x", color=BEFORE, markersize=5, label="ended early", transform=foot
    )
    axes.plot(done["trial"], done["score"], "o", color=OWN, markersize=5, label="finished")
    if summary.own is not None:
        axes.axhline(summary.line(summary.own)["score"], color=MUTED, linewidth=0.9, linestyle="--")
    if summary.best is not None:
        best = summary.line(summary.best)
        axes.plot(best["trial"], best["score"], "o", color=AFTER, markersize=9, label="best")
    axes.set(xlabel="trial", ylabel=summary.search.score)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0, handletextpad=0.2)
    return figure


@styled
def importance_figure(importance: dict[str, float]) -> Figure:
    """Draw a bar for each setting.

    Args:
        importance: Shares by key, the largest first.
    """
    figure, (axes,) = new_figure(0.6 + _ROW * len(importance))
    axes.barh(range(len(importance)), [100 * share for share in importance.values()], color=OWN, height=0.6)
    axes.set(ylim=(len(importance) - 0.4, -0.6), xlabel="% of what settings explain")
    axes.set_yticks(range(len(importance)), list(importance))
    axes.grid(axis="y", visible=False)
    return figure


@styled
def settings_figure(summary: Summary) -> Figure:
    """Draw the scores of finished trials by the value of each setting.

    Args:
        summary: With at least one finished trial.
    """
    settings = summary.search.space.settings
    rows = math.ceil(len(settings) / 2)
    figure, axes = new_figure(1.7 * rows, rows, 2, sharey=True)
    done = summary.trials[summary.trials["state"] == "finished"]
    for place, setting in zip(axes, settings, strict=False):
        _draw_setting(place, setting, done, summary)
    for empty in axes[len(settings) :]:
        empty.set_visible(False)
    return figure


def _draw_setting(axes: Axes, setting: Setting, done: pd.DataFrame, summary: Summary) -> None:
    values = done[setting.key]
    if setting.range is None:
        names = [str(name) for name in setting.values]
        values = values.map(names.index)
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif setting.range.log:
        axes.set_xscale("log")
    is_best = done["trial"] == summary.best
    axes.plot(values[~is_best], done["score"][~is_best], "o", color=OWN, markersize=4)
    axes.plot(values[is_best], done["score"][is_best], "o", color=AFTER, markersize=7)
    axes.set_title(setting.key.partition(".")[2], fontsize=9.5)
