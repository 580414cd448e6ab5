"""What a choice without labels costs: validators on the cells of the real pairs."""

from __future__ import annotations

from statistics import mean, stdev
from typing import Any

from sections.cells import made

LEAST = 3  # with fewer epochs there is nothing to choose


def section(found: dict[str, Any]) -> str:
    """Return the section of validators."""
    cells = [cell for cell in found["cells"] if cell["epochs"] >= LEAST]
    pairs = list(dict.fromkeys(cell["pair"] for cell in cells))
    titles = [pair.replace("-", " to ") for pair in pairs]
    rules = {rule for cell in cells for rule in cell["chosen"]}
    ranked = sorted(rules, key=lambda rule: (mean(regrets(cells, rule)), rule))
    late = {rule: sum(rule in cell["from_watched"] for cell in cells) for rule in ranked if rule != "last"}
    from_watched = ", ".join(f"{rule} in {count}" for rule, count in late.items() if count)
    methods = ", ".join(dict.fromkeys(cell["method"] for cell in cells))
    watched = f" Computed from the watched faces: {from_watched} cells." if from_watched else ""
    lines = [
        "## Choosing without labels\n",
        f"{made(found['about'])} The epochs of {len(cells)} cells of the real pairs ({methods}; none with "
        f"fewer than {LEAST} epochs), and which of them each validator would have kept. Regret: points of "
        "macro recall below the best epoch, mean ± standard error over cells. `any epoch` is the mean over "
        "all epochs, what a choice by lot costs. The guard is that of the runs: who lost more than five "
        "points of source accuracy is not considered. The rank correlation (Spearman) is that of score and "
        f"macro recall over the epochs of a cell.{watched}\n",
        f"| validator | cells | regret | {' | '.join(titles)} | worst | without guard, worst "
        "| better, worse than `im` | rank correlation |",
        "|---|---|---|" + "---|" * len(pairs) + "---|---|---|---|",
    ]
    for rule in ranked:
        own = [cell for cell in cells if rule in cell["chosen"]]
        by_pair = [regrets([cell for cell in own if cell["pair"] == pair], rule) for pair in pairs]
        free = max(regrets(own, rule, "regret_without_guard"))
        shown = [points(values) for values in (regrets(own, rule), *by_pair)]
        lines.append(
            f"| {rule} | {len(own)} | {' | '.join(shown)} | {max(regrets(own, rule)):.1f} | {free:.1f} "
            f"| {against(own, rule)} | {correlation(own, rule)} |"
        )
    lots = [
        [100 * cell["regret_of_any"] for cell in cells if cell["pair"] in some] for some in (pairs, *pairs)
    ]
    lines.append(f"| *any epoch* | {len(cells)} | {' | '.join(map(points, lots))} | | | | |")
    return "\n".join(lines + between(found["between_runs"]))


def regrets(cells: list[dict[str, Any]], rule: str, key: str = "regret") -> list[float]:
    """Return a rule's regret in points, of the cells that it could choose in."""
    return [100 * cell["chosen"][rule][key] for cell in cells if rule in cell["chosen"]]


def points(values: list[float]) -> str:
    """Return mean ± standard error."""
    if not values:
        return ""
    return f"{mean(values):.2f}" + (f" ± {stdev(values) / len(values) ** 0.5:.2f}" if len(values) > 1 else "")


def against(cells: list[dict[str, Any]], rule: str) -> str:
    """Return in how many cells a rule chose a better, and a worse epoch than `im`."""
    gaps = [a - b for a, b in zip(regrets(cells, rule), regrets(cells, "im"), strict=True)]
    return "" if rule == "im" else f"{sum(gap < -1e-9 for gap in gaps)}, {sum(gap > 1e-9 for gap in gaps)}"


def correlation(cells: list[dict[str, Any]], rule: str) -> str:
    """Return the mean correlation of a rule's scores with the macro recall of the epochs."""
    found = [cell["chosen"][rule]["rank_correlation"] for cell in cells]
    known = [value for value in found if value is not None]
    return f"{mean(known):.2f}" if known else ""


def between(groups: list[dict[str, Any]]) -> list[str]:
    """Return the table of the choice between methods; nothing if no pair has enough of them."""
    if not groups:
        return []
    known = {rule for group in groups for rule in group["chosen"]}
    rules = sorted(known, key=lambda rule: (mean(taken(groups, rule)), rule))
    sizes = sorted(len(group["macro_recall"]) for group in groups)
    lines = [
        "\n### Choosing between methods\n",
        f"The checkpoints that all methods kept for a pair and a seed ({len(groups)} choices among "
        f"{sizes[0]} to {sizes[-1]}); each validator looks at the watched faces, without their labels.\n",
        "| validator | regret | worst | takes |",
        "|---|---|---|---|",
    ]
    for rule in rules:
        found = taken(groups, rule)
        names = [group["chosen"][rule]["method"] for group in groups if rule in group["chosen"]]
        counts = ", ".join(f"{name} {names.count(name)}" for name in dict.fromkeys(names))
        lines.append(f"| {rule} | {points(found)} | {max(found):.1f} | {counts} |")
    best = [max(group["macro_recall"], key=group["macro_recall"].get) for group in groups]
    counts = ", ".join(f"{name} {best.count(name)}" for name in dict.fromkeys(best))
    return [*lines, f"| *the labels* | 0 | 0 | {counts} |"]


def taken(groups: list[dict[str, Any]], rule: str) -> list[float]:
    """Return a rule's regret in points, of the groups that it could choose in."""
    return [100 * group["chosen"][rule]["regret"] for group in groups if rule in group["chosen"]]
