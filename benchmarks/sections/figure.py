"""A picture of the real pairs: what each method gains over source-only, seed by seed."""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

from sections.real_pairs import gains, in_order

TITLES = {"fer2013-lfw": "FER2013 to LFW", "lfw-fer2013": "LFW to FER2013"}


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw one panel a direction: dots are seeds chosen by `im`, bars their mean, rings the oracle's mean.

    Args:
        found: The JSON of `real_pairs.py`.
        path: The SVG to write.
    """
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "ferda", "font.size": 9, "svg.fonttype": "none"})
    figure, axes = plt.subplots(1, len(TITLES), figsize=(10, 5.2), sharey=True, layout="constrained")
    names = list(dict.fromkeys(cell["method"] for cell in in_order(found["cells"]) if cell["pair"] in TITLES))
    names.remove("source_only")
    for axis, (pair, title) in zip(axes, TITLES.items(), strict=True):
        cells = [cell for cell in found["cells"] if cell["pair"] == pair]
        for row, name in enumerate(names):
            own = [cell for cell in cells if cell["method"] == name]
            if chosen := gains(own, cells):
                axis.barh(row, mean(chosen), height=0.62, color="#2a78b8" if mean(chosen) > 0 else "#c9ced6")
                axis.plot(
                    chosen, [row] * len(chosen), "o", ms=4, color="#12303f", label="a seed, chosen by im"
                )
                oracle = mean(gains(own, cells, "oracle"))
                axis.plot(oracle, row, "D", ms=6, mfc="none", mec="#b04a1e", label="oracle's epochs, mean")
        axis.axvline(0, color="#12303f", lw=0.8)
        axis.set(title=title, xlabel="macro recall above source-only of the same seed")
        axis.grid(axis="x", lw=0.3)
        axis.spines[["top", "right", "left"]].set_visible(False)
    axes[0].set_yticks(range(len(names)), names)
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    figure.legend(known.values(), known.keys(), loc="outside lower center", ncols=2, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
