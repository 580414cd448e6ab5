"""Figures of a data card: pictures of each class, and how large and how sharp the faces are."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ferda.data.quality import LEAST
from ferda.evaluation.card_facts import Card
from ferda.evaluation.style import MUTED, OWN, class_colours, new_figure, styled

_HISTOGRAMS = {"face_pixels": "side of the face in pixels", "sharpness": "sharpness"}


@styled
def class_counts(card: Card) -> Figure:
    """Draw a bar for each class.

    Args:
        card: Its facts.
    """
    counts = card.counts["all"]
    figure, (axes,) = new_figure(0.6 + 0.3 * len(counts))
    places = np.arange(len(counts))
    bars = axes.barh(places, counts.to_numpy(), color=class_colours([str(name) for name in counts.index]))
    axes.bar_label(bars, [f"{count:,}" for count in counts], padding=4, color=MUTED, size=9.5)
    axes.set_yticks(places, [str(name) for name in counts.index])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.14)
    axes.set_xlabel("pictures")
    return figure


@styled
def measure_histograms(manifest: pd.DataFrame) -> Figure:
    """Draw how large and how sharp the faces are; a dotted line is what `--keep good` asks for.

    Args:
        manifest: With the columns of `ferda.data.quality.MEASURES`.
    """
    figure, panels = new_figure(3.0, 2, 1)
    for axes, (name, meaning) in zip(panels, _HISTOGRAMS.items(), strict=True):
        values = manifest[name].dropna().to_numpy(dtype=float)
        if len(values):
            # a few giants would press all others into one bar
            axes.hist(values.clip(max=np.quantile(values, 0.995)), bins=30, color=OWN)
        axes.axvline(LEAST[name], color=MUTED, linestyle=":", linewidth=1.2)
        axes.set_xlabel(meaning)
        axes.set_xlim(left=0)
        axes.grid(axis="x", visible=False)
    return figure
