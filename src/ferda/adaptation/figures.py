"""Figures of an adaptation: the mix of the answers and how sure they are, before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ferda.adaptation.evidence import Evidence
from ferda.evaluation.style import AFTER, BEFORE, INK, new_figure, styled

_PERCENT = PercentFormatter(1.0, decimals=0, symbol=" %")


@styled
def class_mix(before: Evidence, after: Evidence, classes: Sequence[str]) -> Figure:
    """Draw how often each class is answered.

    Args:
        before: Of the old model.
        after: Of the adapted model.
        classes: Names of the columns.
    """
    figure, (axes,) = new_figure(0.75 + 0.5 * len(classes))
    places = np.arange(len(classes))
    most = max(before.shares().max(), after.shares().max())
    for said, name, colour, lift in ((before, "before", BEFORE, -0.2), (after, "after", AFTER, 0.2)):
        axes.barh(places + lift, said.shares(), 0.37, color=colour, label=name)
        for place, share in zip(places + lift, said.shares(), strict=True):
            axes.text(share + 0.012 * most, place, f"{100 * share:.0f} %", va="center", size=8.5, color=INK)
    axes.set_yticks(places, classes)
    axes.tick_params(axis="y", labelcolor=INK, length=0)
    axes.set(xlim=(0, 1.14 * most), ylim=(len(classes) - 0.5, -0.5), xlabel="answers")
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside upper left", ncols=2, handlelength=1.2)
    return figure


@styled
def confidence(before: Evidence, after: Evidence) -> Figure:
    """Draw how many answers have which confidence.

    Args:
        before: Of the old model.
        after: Of the adapted model.
    """
    figure, (axes,) = new_figure(2.6)
    bins = np.linspace(0, 1, 11)
    for said, name, colour in ((before, "before", BEFORE), (after, "after", AFTER)):
        counts, _ = np.histogram(said.confidence, bins)
        axes.stairs(counts / counts.sum(), bins, color=colour, linewidth=2.2, label=name)
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="confidence of the answer", ylabel="faces")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_PERCENT)
    figure.legend(loc="outside upper left", ncols=2, handlelength=1.2)
    return figure
