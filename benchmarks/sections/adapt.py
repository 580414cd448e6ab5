"""`ferda adapt` on real faces, before and after."""

from __future__ import annotations

from statistics import mean
from typing import Any

from sections.cells import made, spread

_TITLES = {"fer2013-lfw": "FER2013 → LFW", "lfw-fer2013": "LFW → FER2013"}


def section(found: dict[str, Any]) -> str:
    """Return the section on adapting on the spot."""
    lines = [
        "## Adapting on the spot\n",
        f"{made(found['about'])} Source-only models, adapted to the training part of the other data set by "
        "`ferda adapt` as it is, without labels; measured on the test part, which it has not seen. Gains are "
        "in points, a number a seed; a star: the safety rule kept the old model.\n",
        "| | seeds | macro recall before | after | gain | accuracy before | after | CPU seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    pairs = {cell["pair"]: [] for cell in found["cells"]}
    for cell in found["cells"]:
        pairs[cell["pair"]].append(cell)
    return "\n".join([*lines, *(_row(pair, cells) for pair, cells in pairs.items())])


def _row(pair: str, cells: list[dict[str, Any]]) -> str:
    gains = " ".join(
        f"{100 * (cell['after']['macro_recall'] - cell['before']['macro_recall']):+.1f}"
        + ("*" if cell["kept_old"] else "")
        for cell in cells
    )
    recall, accuracy = (
        [spread([cell[when][score] for cell in cells]) for when in ("before", "after")]
        for score in ("macro_recall", "accuracy")
    )
    seconds = f"{mean(cell['cpu_seconds'] for cell in cells):.0f}"
    return f"| {' | '.join([_TITLES[pair], str(len(cells)), *recall, gains, *accuracy, seconds])} |"
