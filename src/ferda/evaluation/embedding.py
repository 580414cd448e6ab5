"""One map of what the network sees: features of source and target together, laid flat by t-SNE.

Fitted once on the union of the domains. Two maps fitted apart cannot be compared, and pictures that put them
side by side show nothing. t-SNE keeps neighbours, not distances: two domains that mix within a class are read
as such, the size of a gap between islands means nothing. Labels of the target only colour the points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from ferda.evaluation.style import INK, MUTED, PAPER, WIDTH, class_colours, new_figure, styled

_MARKERS = ("o", "^", "s", "D", "v", "P")


@dataclass(frozen=True)
class Embedding:
    """Points on a map.

    Attributes:
        points: (m, 2) or (m, 3) float, centred, the longest side from -1 to 1.
        labels: (m,) int64 class positions, -1 unknown.
        domain: (m,) int64 position in `domains`.
        domains: Names of the domains.
        classes: Class names.
    """

    points: NDArray[np.float64]
    labels: NDArray[np.int64]
    domain: NDArray[np.int64]
    domains: tuple[str, ...]
    classes: tuple[str, ...]


def fit_embedding(
    features: Mapping[str, NDArray[np.floating[Any]]],
    labels: Mapping[str, NDArray[np.integer[Any]]],
    classes: Sequence[str],
    *,
    limit: int = 1500,
    seed: int = 0,
    dimensions: Literal[2, 3] = 2,
) -> Embedding:
    """Fit t-SNE once on the union of several domains.

    Args:
        features: (n, D) of each domain, by name.
        labels: (n,) class positions of each domain, -1 unknown.
        classes: Class names.
        limit: At most this many points, drawn evenly from the domains.
        seed: Same seed, same map.
        dimensions: Of the map; in three, what had to be folded in two can lie apart.

    Raises:
        ValueError: If there are fewer than five points in all.
    """
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    generator = np.random.default_rng(seed)
    share = limit // len(features)
    chosen = {
        name: np.sort(generator.permutation(len(rows))[:share])
        for name, rows in features.items()
        if len(rows)
    }
    union = np.concatenate([np.asarray(features[name], np.float64)[rows] for name, rows in chosen.items()])
    if len(union) < 5:
        raise ValueError(f"a map needs at least five faces, got {len(union)}")
    union = union - union.mean(0)
    if min(union.shape) > 50:
        union = PCA(50, random_state=seed).fit_transform(union)
    perplexity = min(30.0, (len(union) - 1) / 3)
    tsne = TSNE(dimensions, init="pca", perplexity=perplexity, random_state=seed, n_jobs=1)
    flat = np.asarray(tsne.fit_transform(union.astype(np.float32)), np.float64)
    flat -= (flat.max(0) + flat.min(0)) / 2
    flat /= max(float(np.abs(flat).max()), 1e-12)
    return Embedding(
        points=flat,
        labels=np.concatenate([np.asarray(labels[name], np.int64)[rows] for name, rows in chosen.items()]),
        domain=np.repeat(np.arange(len(chosen)), [len(rows) for rows in chosen.values()]),
        domains=tuple(chosen),
        classes=tuple(classes),
    )


@styled
def draw_embedding(embedding: Embedding) -> Figure:
    """Draw the map: colour is the expression, the mark is the domain.

    Args:
        embedding: Of one model.
    """
    wide, tall = np.ptp(embedding.points, axis=0) + 0.08
    figure, (axes,) = new_figure(0.8 + WIDTH * float(np.clip(tall / wide, 0.6, 1.15)))
    _scatter(axes, embedding, embedding.points, 1.0)
    marks, shades = _keys(embedding)
    figure.legend(handles=marks, loc="outside upper left", ncols=2, handletextpad=0.1, columnspacing=1.2)
    figure.legend(handles=shades, loc="outside lower left", ncols=4, handletextpad=0.1, columnspacing=1.2)
    return figure


@styled
def draw_three_sides(embedding: Embedding) -> Figure:
    """Draw a map in three dimensions from the front, from the right and from above, with one scale.

    The sides fold out as an architect draws a house: what stands above a point is the same point from above,
    what stands beside it the same from the right. What lies apart on any side lies apart.

    Args:
        embedding: Of one model, with three coordinates.
    """
    side = 1.04 * float(np.abs(embedding.points).max())
    figure, (above, corner, front, right) = new_figure(WIDTH * 1.05, rows=2, columns=2)
    sides = (
        ("from above", above, (0, 2)),
        ("from the front", front, (0, 1)),
        ("from the right", right, (2, 1)),
    )
    for name, axes, pair in sides:
        _scatter(axes, embedding, embedding.points[:, pair], 0.55)
        axes.set(xlim=(-side, side), ylim=(-side, side))
        axes.spines[:].set_visible(True)
        axes.set_title(name, color=MUTED, weight="normal")
    corner.axis("off")
    marks, shades = _keys(embedding)
    corner.legend(handles=[*marks, *shades], loc="center", handletextpad=0.1, labelspacing=0.35)
    return figure


def _scatter(axes: Axes, embedding: Embedding, points: NDArray[np.float64], size: float) -> None:
    """Points of the first domain hollow, those of the others full and on top."""
    colours = np.array([*class_colours(embedding.classes), MUTED])
    for number in range(len(embedding.domains)):
        own = embedding.domain == number
        x, y = points[own].T
        shade = colours[embedding.labels[own]]
        look: dict[str, Any] = {"marker": _MARKERS[number % len(_MARKERS)]}
        if number == 0:
            look |= {
                "s": 11 * size,
                "facecolors": "none",
                "edgecolors": shade,
                "linewidths": 0.8,
                "alpha": 0.75,
            }
        else:
            look |= {"s": 17 * size, "c": shade, "edgecolors": PAPER, "linewidths": 0.35, "alpha": 0.95}
        axes.scatter(x, y, **look)
    axes.set(aspect="equal", xticks=[], yticks=[])
    axes.margins(0.02)
    axes.spines[:].set_visible(False)


def _keys(embedding: Embedding) -> tuple[list[Line2D], list[Line2D]]:
    """What the legend says of domains and of classes."""
    colours = class_colours(embedding.classes)
    marks = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=_MARKERS[i % len(_MARKERS)],
            markerfacecolor="none" if i == 0 else INK,
            markeredgecolor=INK,
            label=name,
        )
        for i, name in enumerate(embedding.domains)
    ]
    shades = [
        Line2D([], [], linestyle="", marker="s", color=colours[i], label=embedding.classes[i])
        for i in range(len(embedding.classes))
        if (embedding.labels == i).any()
    ]
    return marks, shades
