"""How every figure of ferda looks: sizes for a phone, colours for everybody, light and dark.

Figures are drawn by matplotlib without its global state and leave as SVG with real text. The few colours that
must change in the dark are written as CSS variables with the light colour as fall-back, so the same figure
follows the page it stands in and also works alone. Class colours are Paul Tol's "bright" set, which
colour-blind people can tell apart; they belong to the expression's name, so happiness is the same yellow in
every report.
"""

from __future__ import annotations

import functools
import hashlib
import html
import io
import re
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#1b2330"
MUTED = "#5b6876"
LINE = "#d3dae1"
PAPER = "#fdfefe"
AFTER = "#0c7c74"
BEFORE = "#97a3af"
OWN = "#3f6fb5"
ORACLE = "#b5651d"
#: Colours that become CSS variables; the page says what they are in the dark.
VARIABLES = {
    INK: "ink",
    MUTED: "muted",
    LINE: "line",
    PAPER: "card",
    AFTER: "after",
    BEFORE: "before",
    OWN: "own",
    ORACLE: "oracle",
}
#: Shades for named losses and validators.
SERIES = (OWN, AFTER, "#cc6a3a", "#9a5fb0", "#8a8f2a", "#4a9fc4", "#c24f72", MUTED)
_CLASS_COLOURS = {
    "surprise": "#66ccee",
    "fear": "#aa3377",
    "disgust": "#228833",
    "happiness": "#ccbb44",
    "sadness": "#4477aa",
    "anger": "#ee6677",
    "neutral": "#9aa0a6",
    "contempt": "#ee8866",
}
#: Inches: 317 points, so on a phone that shows a figure 340 pixels wide a point is more than a pixel.
WIDTH = 4.4

# Any: matplotlib's stubs list every key as a literal, and a dict of them cannot be written down
_RULES: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ferda",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": LINE,
    "axes.facecolor": "none",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.labelsize": 9.5,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 9.5,
    "ytick.labelsize": 9.5,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.labelcolor": INK,
    "figure.facecolor": "none",
    "lines.linewidth": 1.7,
}

P = ParamSpec("P")
T = TypeVar("T")


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Run a drawing function under ferda's style, and leave matplotlib's settings as they were.

    Args:
        draw: The function.
    """

    @functools.wraps(draw)
    def inside(*positional: P.args, **named: P.kwargs) -> T:
        with matplotlib.rc_context(_RULES):
            return draw(*positional, **named)

    return inside


def class_colours(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the colour of each class.

    Args:
        classes: Expression names; unknown ones are grey.
    """
    return tuple(_CLASS_COLOURS.get(name, MUTED) for name in classes)


def new_figure(
    height: float, rows: int = 1, columns: int = 1, *, width: float = WIDTH, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its axes, row by row.

    Args:
        height: Inches.
        rows: Rows of axes.
        columns: Columns of axes.
        width: Inches.
        **options: Of `Figure.subplots`.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.ravel())


@styled
def svg(figure: Figure, description: str) -> str:
    """Return a figure as an `<svg>` element to be put into a page.

    Args:
        figure: Drawn by one of the functions of this package.
        description: What screen readers say.
    """
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
    )
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"font-family: [^;\"]*", "font-family: var(--font, sans-serif)", text)
    text = re.sub(r"font: ([^;\"]*?[\d.]+px) [^;\"]*", r"font: \1 var(--font, sans-serif)", text)
    for colour, name in VARIABLES.items():
        text = re.sub(rf": {colour}\b", f": var(--{name}, {colour})", text, flags=re.I)
    text = _with_own_ids(text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    words = html.escape(description, quote=True)
    return re.sub(r"^<svg ", f'<svg role="img" aria-label="{words}" class="figure" ', text, count=1)


def _with_own_ids(text: str) -> str:
    """Several figures share a page, where an id may stand only once: drop what is unused, rename the rest."""
    own = hashlib.sha256(text.encode()).hexdigest()[:8]
    used = set(re.findall(r"#([\w.-]+)(?=[\")])", text)) & set(re.findall(r" id=\"([^\"]+)\"", text))
    text = re.sub(r" id=\"([^\"]+)\"", lambda match: match[0] if match[1] in used else "", text)
    text = re.sub(r" id=\"([^\"]+)\"", rf' id="f{own}-\1"', text)
    return re.sub(r"#([\w.-]+)(?=[\")])", lambda m: f"#f{own}-{m[1]}" if m[1] in used else m[0], text)


def percent(share: float | None, digits: int = 0) -> str:
    """Return a share as per cent, or a dash if there is none.

    Args:
        share: 0 to 1, or None.
        digits: Decimals.
    """
    return "–" if share is None else f"{100 * share:.{digits}f} %"
